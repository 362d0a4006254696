"""Foundation models: the only place that knows transformers and diffusers, and imports them when asked."""
