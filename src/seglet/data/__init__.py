"""From folders and formats to samples, views and batches."""
