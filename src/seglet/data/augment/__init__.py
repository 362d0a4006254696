"""Augmentation: random crops, flips, colours, darkness and blur."""
