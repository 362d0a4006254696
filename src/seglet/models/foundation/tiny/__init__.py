"""Miniatures of foundation models, built with transformers and diffusers and stored exactly as the real ones are."""
