"""Foreign checkpoints to segmenters."""
