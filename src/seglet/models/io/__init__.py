"""Saving, loading and publishing segmenters; reading checkpoint files."""
