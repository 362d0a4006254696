"""Losses as pure functions of tensors, each imported when it is first used."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.losses.affinity import affinity_loss, pair_labels
    from seglet.losses.distillation.adversarial import adversarial_loss, gradient_penalty, hinge_loss, wasserstein_loss
    from seglet.losses.distillation.afdcd import feature_distance, omni_contrastive_loss
    from seglet.losses.distillation.boundaries import boundary_labels, boundary_weights
    from seglet.losses.distillation.cirkd_memory import MemoryTerms, cirkd_memory_loss
    from seglet.losses.distillation.cirkd_minibatch import cirkd_minibatch_bytes, cirkd_minibatch_loss
    from seglet.losses.distillation.cwd import channel_divergence
    from seglet.losses.distillation.dist import between_classes, correlation_loss, within_classes
    from seglet.losses.distillation.features import attention_transfer_loss, mean_squared_error
    from seglet.losses.distillation.ifvd import variation_loss
    from seglet.losses.distillation.kl import (
        WeightedForm,
        effective_weights,
        elementwise_kl_divergence,
        generalised_kl_divergence,
        kl_divergence,
        soft_cross_entropy,
        target_tilt,
    )
    from seglet.losses.distillation.logit_standardisation import standardise_logits
    from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss
    from seglet.losses.distillation.target_split import TargetSplit, decoupled_divergence, normalised_cross_entropy
    from seglet.losses.task import (
        annotated_pixels,
        balanced_cross_entropy,
        confidence_ratio_cross_entropy,
        cross_entropy,
        mask_loss,
        mean_confidence_cross_entropy,
        multilabel_soft_margin,
    )
    from seglet.losses.uncertainty import (
        DeviationMerging,
        WeightGrowth,
        entropy_uncertainty,
        fit_weight_growth,
        label_weight,
        margin_uncertainty,
        merge_deviation,
        merge_resized_deviation,
        resized_deviation,
        shuffle_pixels,
        uncertainty_weight,
    )
    from seglet.losses.vila import (
        diffusion_loss,
        edge_cross_entropy,
        feature_distillation,
        image_cross_entropy,
        lower_cross_entropy,
        noise_loss,
        stream_loss,
    )
    from seglet.losses.zero_dce import zero_reference_terms

__all__ = [
    "DeviationMerging",
    "MemoryTerms",
    "TargetSplit",
    "WeightGrowth",
    "WeightedForm",
    "adversarial_loss",
    "affinity_loss",
    "annotated_pixels",
    "attention_transfer_loss",
    "balanced_cross_entropy",
    "between_classes",
    "boundary_labels",
    "boundary_weights",
    "channel_divergence",
    "cirkd_memory_loss",
    "cirkd_minibatch_bytes",
    "cirkd_minibatch_loss",
    "coarse_pairwise_loss",
    "confidence_ratio_cross_entropy",
    "correlation_loss",
    "cross_entropy",
    "decoupled_divergence",
    "diffusion_loss",
    "edge_cross_entropy",
    "effective_weights",
    "elementwise_kl_divergence",
    "entropy_uncertainty",
    "feature_distance",
    "feature_distillation",
    "fit_weight_growth",
    "generalised_kl_divergence",
    "gradient_penalty",
    "hinge_loss",
    "image_cross_entropy",
    "kl_divergence",
    "label_weight",
    "lower_cross_entropy",
    "margin_uncertainty",
    "mask_loss",
    "mean_confidence_cross_entropy",
    "mean_squared_error",
    "merge_deviation",
    "merge_resized_deviation",
    "multilabel_soft_margin",
    "noise_loss",
    "normalised_cross_entropy",
    "omni_contrastive_loss",
    "pair_labels",
    "pairwise_loss",
    "resized_deviation",
    "shuffle_pixels",
    "soft_cross_entropy",
    "standardise_logits",
    "stream_loss",
    "target_tilt",
    "uncertainty_weight",
    "variation_loss",
    "wasserstein_loss",
    "within_classes",
    "zero_reference_terms",
]

_HOMES = {
    "DeviationMerging": "seglet.losses.uncertainty",
    "MemoryTerms": "seglet.losses.distillation.cirkd_memory",
    "TargetSplit": "seglet.losses.distillation.target_split",
    "WeightGrowth": "seglet.losses.uncertainty",
    "WeightedForm": "seglet.losses.distillation.kl",
    "adversarial_loss": "seglet.losses.distillation.adversarial",
    "affinity_loss": "seglet.losses.affinity",
    "annotated_pixels": "seglet.losses.task",
    "attention_transfer_loss": "seglet.losses.distillation.features",
    "balanced_cross_entropy": "seglet.losses.task",
    "between_classes": "seglet.losses.distillation.dist",
    "boundary_labels": "seglet.losses.distillation.boundaries",
    "boundary_weights": "seglet.losses.distillation.boundaries",
    "channel_divergence": "seglet.losses.distillation.cwd",
    "cirkd_memory_loss": "seglet.losses.distillation.cirkd_memory",
    "cirkd_minibatch_bytes": "seglet.losses.distillation.cirkd_minibatch",
    "cirkd_minibatch_loss": "seglet.losses.distillation.cirkd_minibatch",
    "coarse_pairwise_loss": "seglet.losses.distillation.skd_pairwise",
    "confidence_ratio_cross_entropy": "seglet.losses.task",
    "correlation_loss": "seglet.losses.distillation.dist",
    "cross_entropy": "seglet.losses.task",
    "decoupled_divergence": "seglet.losses.distillation.target_split",
    "diffusion_loss": "seglet.losses.vila",
    "edge_cross_entropy": "seglet.losses.vila",
    "effective_weights": "seglet.losses.distillation.kl",
    "elementwise_kl_divergence": "seglet.losses.distillation.kl",
    "entropy_uncertainty": "seglet.losses.uncertainty",
    "feature_distance": "seglet.losses.distillation.afdcd",
    "feature_distillation": "seglet.losses.vila",
    "fit_weight_growth": "seglet.losses.uncertainty",
    "generalised_kl_divergence": "seglet.losses.distillation.kl",
    "gradient_penalty": "seglet.losses.distillation.adversarial",
    "hinge_loss": "seglet.losses.distillation.adversarial",
    "image_cross_entropy": "seglet.losses.vila",
    "kl_divergence": "seglet.losses.distillation.kl",
    "label_weight": "seglet.losses.uncertainty",
    "lower_cross_entropy": "seglet.losses.vila",
    "margin_uncertainty": "seglet.losses.uncertainty",
    "mask_loss": "seglet.losses.task",
    "mean_confidence_cross_entropy": "seglet.losses.task",
    "mean_squared_error": "seglet.losses.distillation.features",
    "merge_deviation": "seglet.losses.uncertainty",
    "merge_resized_deviation": "seglet.losses.uncertainty",
    "multilabel_soft_margin": "seglet.losses.task",
    "noise_loss": "seglet.losses.vila",
    "normalised_cross_entropy": "seglet.losses.distillation.target_split",
    "omni_contrastive_loss": "seglet.losses.distillation.afdcd",
    "pair_labels": "seglet.losses.affinity",
    "pairwise_loss": "seglet.losses.distillation.skd_pairwise",
    "resized_deviation": "seglet.losses.uncertainty",
    "shuffle_pixels": "seglet.losses.uncertainty",
    "soft_cross_entropy": "seglet.losses.distillation.kl",
    "standardise_logits": "seglet.losses.distillation.logit_standardisation",
    "stream_loss": "seglet.losses.vila",
    "target_tilt": "seglet.losses.distillation.kl",
    "uncertainty_weight": "seglet.losses.uncertainty",
    "variation_loss": "seglet.losses.distillation.ifvd",
    "wasserstein_loss": "seglet.losses.distillation.adversarial",
    "within_classes": "seglet.losses.distillation.dist",
    "zero_reference_terms": "seglet.losses.zero_dce",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
