"""One model's life: data, training, inference, ensembles. Knows no ray, optuna or mlflow."""
