"""Foundation models. No other package imports transformers or diffusers, and here they are imported on first use."""
