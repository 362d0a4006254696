"""Networks from feature maps to class logits."""
