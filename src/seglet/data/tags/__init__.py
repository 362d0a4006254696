"""Image-level tags: read from files, matched to images, resolved to classes and validated; one module per format."""
