"""Which classes are in an image, as people write it down. One file a format."""
