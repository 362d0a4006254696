"""Loading: samplers, views, collation, loaders and data sets made of data sets."""
