"""Datasets to batches: samplers, collation, loaders, caching."""
