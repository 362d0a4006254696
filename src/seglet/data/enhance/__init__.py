"""Enhancement of dark images without learnt weights. Axes everywhere: h rows, w columns."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.enhance.by_name import ENHANCERS, Enhancer, EnhancerName
    from seglet.data.enhance.gamma import correct_gamma
    from seglet.data.enhance.histogram import clahe, equalise_histogram
    from seglet.data.enhance.retinex import msrcr

__all__ = [
    "ENHANCERS",
    "Enhancer",
    "EnhancerName",
    "clahe",
    "correct_gamma",
    "equalise_histogram",
    "msrcr",
]

_HOMES = {
    "ENHANCERS": "seglet.data.enhance.by_name",
    "Enhancer": "seglet.data.enhance.by_name",
    "EnhancerName": "seglet.data.enhance.by_name",
    "clahe": "seglet.data.enhance.histogram",
    "correct_gamma": "seglet.data.enhance.gamma",
    "equalise_histogram": "seglet.data.enhance.histogram",
    "msrcr": "seglet.data.enhance.retinex",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
