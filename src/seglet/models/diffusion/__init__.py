"""Small diffusion models that denoise features for distillation, and labels."""
