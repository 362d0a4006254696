"""A small diffusion model that denoises features, for distillation."""
