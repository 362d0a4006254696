"""Refinement of masks and score maps along the edges of the image."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.labels.refine.crf import CRFBackend, crf_mean_field, dense_crf, soft_labels
    from seglet.labels.refine.crf_settings import EXCEL_CRF, LABELS_CRF, SECO_CRF, SSSS_CRF, WECLIP_CRF, CRFSettings
    from seglet.labels.refine.neighbours import DILATIONS
    from seglet.labels.refine.permutohedral import PermutohedralLattice, build_lattice
    from seglet.labels.refine.pixel_adaptive import pamr, par

__all__ = [
    "DILATIONS",
    "EXCEL_CRF",
    "LABELS_CRF",
    "SECO_CRF",
    "SSSS_CRF",
    "WECLIP_CRF",
    "CRFBackend",
    "CRFSettings",
    "PermutohedralLattice",
    "build_lattice",
    "crf_mean_field",
    "dense_crf",
    "pamr",
    "par",
    "soft_labels",
]

_HOMES = {
    "CRFBackend": "seglet.labels.refine.crf",
    "CRFSettings": "seglet.labels.refine.crf_settings",
    "DILATIONS": "seglet.labels.refine.neighbours",
    "EXCEL_CRF": "seglet.labels.refine.crf_settings",
    "LABELS_CRF": "seglet.labels.refine.crf_settings",
    "PermutohedralLattice": "seglet.labels.refine.permutohedral",
    "SECO_CRF": "seglet.labels.refine.crf_settings",
    "SSSS_CRF": "seglet.labels.refine.crf_settings",
    "WECLIP_CRF": "seglet.labels.refine.crf_settings",
    "build_lattice": "seglet.labels.refine.permutohedral",
    "crf_mean_field": "seglet.labels.refine.crf",
    "dense_crf": "seglet.labels.refine.crf",
    "pamr": "seglet.labels.refine.pixel_adaptive",
    "par": "seglet.labels.refine.pixel_adaptive",
    "soft_labels": "seglet.labels.refine.crf",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
