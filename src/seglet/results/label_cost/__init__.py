"""Label-cost curves: mIoU by minutes of annotation, from short runs with tags, a few masks and masks for all."""
