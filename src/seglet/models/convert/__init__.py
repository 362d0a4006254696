"""Converts checkpoints of other code bases to segmenters."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.convert.conversion import (
        CIRKD_MEAN,
        ConversionReport,
        compare_weights,
        convert_checkpoint,
        load_foreign_weights,
        with_authors_input,
        with_cirkd_input,
    )
    from seglet.models.convert.identify import identify_architecture
    from seglet.models.convert.key_maps import dgkd_name, published_name

__all__ = [
    "CIRKD_MEAN",
    "ConversionReport",
    "compare_weights",
    "convert_checkpoint",
    "dgkd_name",
    "identify_architecture",
    "load_foreign_weights",
    "published_name",
    "with_authors_input",
    "with_cirkd_input",
]

_HOMES = {
    "CIRKD_MEAN": "seglet.models.convert.conversion",
    "ConversionReport": "seglet.models.convert.conversion",
    "compare_weights": "seglet.models.convert.conversion",
    "convert_checkpoint": "seglet.models.convert.conversion",
    "dgkd_name": "seglet.models.convert.key_maps",
    "identify_architecture": "seglet.models.convert.identify",
    "load_foreign_weights": "seglet.models.convert.conversion",
    "published_name": "seglet.models.convert.key_maps",
    "with_authors_input": "seglet.models.convert.conversion",
    "with_cirkd_input": "seglet.models.convert.conversion",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
