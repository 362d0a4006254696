"""Segmenters for other runtimes."""
