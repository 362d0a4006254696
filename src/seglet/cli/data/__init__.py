"""Commands `seglet data …`."""
