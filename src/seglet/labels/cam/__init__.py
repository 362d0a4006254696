"""Class activation maps and the labels and targets made from them."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.labels.cam.affinity import agreeing_attention, refine_by_affinity, transition_matrix
    from seglet.labels.cam.background import (
        MaskRefiner,
        add_absence_background,
        labels_between_backgrounds,
        labels_from_absence,
        refine_with_absence,
    )
    from seglet.labels.cam.boxes import inside_boxes
    from seglet.labels.cam.grad_cam import (
        channel_weights,
        tagged_softmax,
        weighted_activations,
    )
    from seglet.labels.cam.pseudo_masks import balanced_target, confident_masks
    from seglet.labels.cam.random_walk import (
        affinity_transitions,
        walk_along_affinity,
    )
    from seglet.labels.cam.text_cam import (
        cosine_similarity,
        enhance_cam,
        feature_surgery,
        patch_text_cam,
        scale_positive,
        scale_to_range,
        static_scores,
        subtract_background,
    )

__all__ = [
    "MaskRefiner",
    "add_absence_background",
    "affinity_transitions",
    "agreeing_attention",
    "balanced_target",
    "channel_weights",
    "confident_masks",
    "cosine_similarity",
    "enhance_cam",
    "feature_surgery",
    "inside_boxes",
    "labels_between_backgrounds",
    "labels_from_absence",
    "patch_text_cam",
    "refine_by_affinity",
    "refine_with_absence",
    "scale_positive",
    "scale_to_range",
    "static_scores",
    "subtract_background",
    "tagged_softmax",
    "transition_matrix",
    "walk_along_affinity",
    "weighted_activations",
]

_HOMES = {
    "MaskRefiner": "seglet.labels.cam.background",
    "add_absence_background": "seglet.labels.cam.background",
    "affinity_transitions": "seglet.labels.cam.random_walk",
    "agreeing_attention": "seglet.labels.cam.affinity",
    "balanced_target": "seglet.labels.cam.pseudo_masks",
    "channel_weights": "seglet.labels.cam.grad_cam",
    "confident_masks": "seglet.labels.cam.pseudo_masks",
    "cosine_similarity": "seglet.labels.cam.text_cam",
    "enhance_cam": "seglet.labels.cam.text_cam",
    "feature_surgery": "seglet.labels.cam.text_cam",
    "inside_boxes": "seglet.labels.cam.boxes",
    "labels_between_backgrounds": "seglet.labels.cam.background",
    "labels_from_absence": "seglet.labels.cam.background",
    "patch_text_cam": "seglet.labels.cam.text_cam",
    "refine_by_affinity": "seglet.labels.cam.affinity",
    "refine_with_absence": "seglet.labels.cam.background",
    "scale_positive": "seglet.labels.cam.text_cam",
    "scale_to_range": "seglet.labels.cam.text_cam",
    "static_scores": "seglet.labels.cam.text_cam",
    "subtract_background": "seglet.labels.cam.text_cam",
    "tagged_softmax": "seglet.labels.cam.grad_cam",
    "transition_matrix": "seglet.labels.cam.affinity",
    "walk_along_affinity": "seglet.labels.cam.random_walk",
    "weighted_activations": "seglet.labels.cam.grad_cam",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
