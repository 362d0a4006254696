"""Offline columns: what is computed once for each picture, addressed by how it was made, and follows every view."""
