"""CLIP's key-value cache of generated or real images, and its adapter."""
