"""Pseudo labels and mixing for semi-supervised training."""
