"""Dark images made brighter by rules: nothing here has weights. Axes everywhere: h rows, w columns."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.enhance.gamma import correct_gamma
    from seglet.data.enhance.histogram import clahe, equalise_histogram
    from seglet.data.enhance.retinex import msrcr

__all__ = [
    "clahe",
    "correct_gamma",
    "equalise_histogram",
    "msrcr",
]

_HOMES = {
    "clahe": "seglet.data.enhance.histogram",
    "correct_gamma": "seglet.data.enhance.gamma",
    "equalise_histogram": "seglet.data.enhance.histogram",
    "msrcr": "seglet.data.enhance.retinex",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
