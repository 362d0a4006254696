"""Where targets come from: pseudo labels, trust, refiners."""
