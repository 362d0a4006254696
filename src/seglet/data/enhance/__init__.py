"""Dark images made brighter by rules: nothing here has weights. Axes everywhere: h rows, w columns."""
