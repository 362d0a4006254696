"""Networks from an image to feature maps."""
