"""Pictures of a search as PNG files: for MLflow, the report and the eye."""
