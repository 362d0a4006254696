"""Random crops, flips and colour changes."""
