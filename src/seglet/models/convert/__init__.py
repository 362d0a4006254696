"""Converts checkpoints of other code bases to segmenters."""
