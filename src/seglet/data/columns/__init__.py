"""Offline columns: what is computed once for each image, addressed by how it was made, and follows every view."""
