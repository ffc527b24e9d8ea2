"""From a trained model to label maps."""
