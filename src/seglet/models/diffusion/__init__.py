"""Small diffusion models that denoise features for distillation, and labels."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.diffusion.categorical import LabelFlips, draw_labels, gumbel_like, one_hot_labels
    from seglet.models.diffusion.confusion_flips import ConfusionFlips, mistakes_from_counts
    from seglet.models.diffusion.diffkd import (
        DenoisingDistillation,
        DenoisingDraws,
        DenoisingOptions,
        FeatureComparison,
        FeatureProjection,
        dgkd_branch,
        draw_denoising,
    )
    from seglet.models.diffusion.gaussian import GaussianNoise, JointSteps
    from seglet.models.diffusion.label_denoiser import LabelDenoiser, step_encoding
    from seglet.models.diffusion.mixed import DenoiserOutput, MixedDiffusion, NoisyState, PathDraw, ReversePath
    from seglet.models.diffusion.routing import NoiseKinds, NoiseRoute, RoutingRule, confidence_threshold, route_noise
    from seglet.models.diffusion.schedule import NoiseSchedule

__all__ = [
    "ConfusionFlips",
    "DenoiserOutput",
    "DenoisingDistillation",
    "DenoisingDraws",
    "DenoisingOptions",
    "FeatureComparison",
    "FeatureProjection",
    "GaussianNoise",
    "JointSteps",
    "LabelDenoiser",
    "LabelFlips",
    "MixedDiffusion",
    "NoiseKinds",
    "NoiseRoute",
    "NoiseSchedule",
    "NoisyState",
    "PathDraw",
    "ReversePath",
    "RoutingRule",
    "confidence_threshold",
    "dgkd_branch",
    "draw_denoising",
    "draw_labels",
    "gumbel_like",
    "mistakes_from_counts",
    "one_hot_labels",
    "route_noise",
    "step_encoding",
]

_HOMES = {
    "ConfusionFlips": "seglet.models.diffusion.confusion_flips",
    "DenoiserOutput": "seglet.models.diffusion.mixed",
    "DenoisingDistillation": "seglet.models.diffusion.diffkd",
    "DenoisingDraws": "seglet.models.diffusion.diffkd",
    "DenoisingOptions": "seglet.models.diffusion.diffkd",
    "FeatureComparison": "seglet.models.diffusion.diffkd",
    "FeatureProjection": "seglet.models.diffusion.diffkd",
    "GaussianNoise": "seglet.models.diffusion.gaussian",
    "JointSteps": "seglet.models.diffusion.gaussian",
    "LabelDenoiser": "seglet.models.diffusion.label_denoiser",
    "LabelFlips": "seglet.models.diffusion.categorical",
    "MixedDiffusion": "seglet.models.diffusion.mixed",
    "NoiseKinds": "seglet.models.diffusion.routing",
    "NoiseRoute": "seglet.models.diffusion.routing",
    "NoiseSchedule": "seglet.models.diffusion.schedule",
    "NoisyState": "seglet.models.diffusion.mixed",
    "PathDraw": "seglet.models.diffusion.mixed",
    "ReversePath": "seglet.models.diffusion.mixed",
    "RoutingRule": "seglet.models.diffusion.routing",
    "confidence_threshold": "seglet.models.diffusion.routing",
    "dgkd_branch": "seglet.models.diffusion.diffkd",
    "draw_denoising": "seglet.models.diffusion.diffkd",
    "draw_labels": "seglet.models.diffusion.categorical",
    "gumbel_like": "seglet.models.diffusion.categorical",
    "mistakes_from_counts": "seglet.models.diffusion.confusion_flips",
    "one_hot_labels": "seglet.models.diffusion.categorical",
    "route_noise": "seglet.models.diffusion.routing",
    "step_encoding": "seglet.models.diffusion.label_denoiser",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
