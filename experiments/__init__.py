"""Many trials: the only code that knows ray, optuna and mlflow."""
