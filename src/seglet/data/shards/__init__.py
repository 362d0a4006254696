"""Large data sets: a manifest with a row for each image in Parquet files, and images in tars that stay packed."""
