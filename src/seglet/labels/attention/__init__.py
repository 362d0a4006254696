"""Attention maps that are cleaned before they spread labels."""
