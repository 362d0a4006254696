"""Networks: backbones, heads, the Segmenter, teachers."""
