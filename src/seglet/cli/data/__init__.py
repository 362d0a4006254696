"""Commands about data sets: `seglet data …`."""
