"""From several checkpoints to one better predictor."""
