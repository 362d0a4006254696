"""What a model is worth: confusion, calibration, whole-image inference."""
