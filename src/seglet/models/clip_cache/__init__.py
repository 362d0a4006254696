"""Key-value cache of CLIP's features, and the adapter that trains it."""
