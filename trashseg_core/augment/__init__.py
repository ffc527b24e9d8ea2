"""What happens to a training sample before the model sees it."""
