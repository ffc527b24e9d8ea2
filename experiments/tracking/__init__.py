"""The search in MLflow: brought to what the run folder holds, now or later."""
