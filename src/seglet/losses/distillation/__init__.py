"""Knowledge-distillation losses, as pure functions of tensors."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
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
    from seglet.losses.distillation.learned_masks import mask_overlap, masked_distance, token_masks
    from seglet.losses.distillation.logit_standardisation import standardise_logits
    from seglet.losses.distillation.skd_pairwise import coarse_pairwise_loss, pairwise_loss
    from seglet.losses.distillation.target_split import (
        EnhancedForm,
        TargetSplit,
        decoupled_divergence,
        normalised_cross_entropy,
        target_enhanced_cross_entropy,
    )

__all__ = [
    "EnhancedForm",
    "MemoryTerms",
    "TargetSplit",
    "WeightedForm",
    "adversarial_loss",
    "attention_transfer_loss",
    "between_classes",
    "boundary_labels",
    "boundary_weights",
    "channel_divergence",
    "cirkd_memory_loss",
    "cirkd_minibatch_bytes",
    "cirkd_minibatch_loss",
    "coarse_pairwise_loss",
    "correlation_loss",
    "decoupled_divergence",
    "effective_weights",
    "elementwise_kl_divergence",
    "feature_distance",
    "generalised_kl_divergence",
    "gradient_penalty",
    "hinge_loss",
    "kl_divergence",
    "mask_overlap",
    "masked_distance",
    "mean_squared_error",
    "normalised_cross_entropy",
    "omni_contrastive_loss",
    "pairwise_loss",
    "soft_cross_entropy",
    "standardise_logits",
    "target_enhanced_cross_entropy",
    "target_tilt",
    "token_masks",
    "variation_loss",
    "wasserstein_loss",
    "within_classes",
]

_HOMES = {
    "EnhancedForm": "seglet.losses.distillation.target_split",
    "MemoryTerms": "seglet.losses.distillation.cirkd_memory",
    "TargetSplit": "seglet.losses.distillation.target_split",
    "WeightedForm": "seglet.losses.distillation.kl",
    "adversarial_loss": "seglet.losses.distillation.adversarial",
    "attention_transfer_loss": "seglet.losses.distillation.features",
    "between_classes": "seglet.losses.distillation.dist",
    "boundary_labels": "seglet.losses.distillation.boundaries",
    "boundary_weights": "seglet.losses.distillation.boundaries",
    "channel_divergence": "seglet.losses.distillation.cwd",
    "cirkd_memory_loss": "seglet.losses.distillation.cirkd_memory",
    "cirkd_minibatch_bytes": "seglet.losses.distillation.cirkd_minibatch",
    "cirkd_minibatch_loss": "seglet.losses.distillation.cirkd_minibatch",
    "coarse_pairwise_loss": "seglet.losses.distillation.skd_pairwise",
    "correlation_loss": "seglet.losses.distillation.dist",
    "decoupled_divergence": "seglet.losses.distillation.target_split",
    "effective_weights": "seglet.losses.distillation.kl",
    "elementwise_kl_divergence": "seglet.losses.distillation.kl",
    "feature_distance": "seglet.losses.distillation.afdcd",
    "generalised_kl_divergence": "seglet.losses.distillation.kl",
    "gradient_penalty": "seglet.losses.distillation.adversarial",
    "hinge_loss": "seglet.losses.distillation.adversarial",
    "kl_divergence": "seglet.losses.distillation.kl",
    "mask_overlap": "seglet.losses.distillation.learned_masks",
    "masked_distance": "seglet.losses.distillation.learned_masks",
    "mean_squared_error": "seglet.losses.distillation.features",
    "normalised_cross_entropy": "seglet.losses.distillation.target_split",
    "omni_contrastive_loss": "seglet.losses.distillation.afdcd",
    "pairwise_loss": "seglet.losses.distillation.skd_pairwise",
    "soft_cross_entropy": "seglet.losses.distillation.kl",
    "standardise_logits": "seglet.losses.distillation.logit_standardisation",
    "target_enhanced_cross_entropy": "seglet.losses.distillation.target_split",
    "target_tilt": "seglet.losses.distillation.kl",
    "token_masks": "seglet.losses.distillation.learned_masks",
    "variation_loss": "seglet.losses.distillation.ifvd",
    "wasserstein_loss": "seglet.losses.distillation.adversarial",
    "within_classes": "seglet.losses.distillation.dist",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
