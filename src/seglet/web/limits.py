"""Limits of what one upload may hold, unless a command is given others."""

UPLOAD_MEGABYTES = 32
"""Largest size of a file; the server refuses larger ones before they have arrived."""

UPLOAD_PIXELS = 24_000_000
"""Largest number of pixels of an image."""
