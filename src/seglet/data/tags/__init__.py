"""Which classes are in a picture, as people write it down. One file a format."""
