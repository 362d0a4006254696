"""The commands `seglet data …`."""
