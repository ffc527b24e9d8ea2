"""One model's life: data, training, inference, ensembles. Knows no ray, optuna or mlflow."""

__version__ = "0.1.0"
