"""Networks: backbones, heads, segmenters and teachers."""
