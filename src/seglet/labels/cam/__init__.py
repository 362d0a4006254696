"""Class activation maps and pseudo masks."""
