"""Miniatures of foundation models, built through transformers and diffusers and stored exactly as the real ones are."""
