"""Pseudo labels, CutMix and signs of collapse for semi-supervised training."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.labels.semi.adaptive_threshold import AdaptiveThreshold, MaximaThreshold, following_threshold
    from seglet.labels.semi.alignment import DistributionAlignment
    from seglet.labels.semi.collapse import class_shares, detect_collapse, effective_classes, share_terms
    from seglet.labels.semi.cutmix import (
        CutMixOptions,
        box_mask,
        draw_cutmix_boxes,
        has_box,
        join_captions,
        paste_boxes,
        paste_record,
        resize_box_mask,
    )
    from seglet.labels.semi.edges import edge_flip_rates, label_edges, laplacian
    from seglet.labels.semi.pseudo_label import PseudoLabelMap, Threshold, pseudo_label_map, threshold_of_classes

__all__ = [
    "AdaptiveThreshold",
    "CutMixOptions",
    "DistributionAlignment",
    "MaximaThreshold",
    "PseudoLabelMap",
    "Threshold",
    "box_mask",
    "class_shares",
    "detect_collapse",
    "draw_cutmix_boxes",
    "edge_flip_rates",
    "effective_classes",
    "following_threshold",
    "has_box",
    "join_captions",
    "label_edges",
    "laplacian",
    "paste_boxes",
    "paste_record",
    "pseudo_label_map",
    "resize_box_mask",
    "share_terms",
    "threshold_of_classes",
]

_HOMES = {
    "AdaptiveThreshold": "seglet.labels.semi.adaptive_threshold",
    "CutMixOptions": "seglet.labels.semi.cutmix",
    "DistributionAlignment": "seglet.labels.semi.alignment",
    "MaximaThreshold": "seglet.labels.semi.adaptive_threshold",
    "PseudoLabelMap": "seglet.labels.semi.pseudo_label",
    "Threshold": "seglet.labels.semi.pseudo_label",
    "box_mask": "seglet.labels.semi.cutmix",
    "class_shares": "seglet.labels.semi.collapse",
    "detect_collapse": "seglet.labels.semi.collapse",
    "draw_cutmix_boxes": "seglet.labels.semi.cutmix",
    "edge_flip_rates": "seglet.labels.semi.edges",
    "effective_classes": "seglet.labels.semi.collapse",
    "following_threshold": "seglet.labels.semi.adaptive_threshold",
    "has_box": "seglet.labels.semi.cutmix",
    "join_captions": "seglet.labels.semi.cutmix",
    "label_edges": "seglet.labels.semi.edges",
    "laplacian": "seglet.labels.semi.edges",
    "paste_boxes": "seglet.labels.semi.cutmix",
    "paste_record": "seglet.labels.semi.cutmix",
    "pseudo_label_map": "seglet.labels.semi.pseudo_label",
    "resize_box_mask": "seglet.labels.semi.cutmix",
    "share_terms": "seglet.labels.semi.collapse",
    "threshold_of_classes": "seglet.labels.semi.pseudo_label",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
