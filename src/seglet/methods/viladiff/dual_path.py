"""ViLa's dual-path distillation: from the fusion to the visual stream, and from the teacher to the student (Sec. 3.3).

Axes: b images, d channels of the streams.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.losses.distillation.kl import kl_divergence
from seglet.losses.vila import feature_distillation, lower_cross_entropy
from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.strong_views import StrongViews
from seglet.models.heads.vila import StreamOutput
from seglet.tensors import nearest_align_corners


@dataclass(frozen=True)
class DualPathLosses:
    """The weighted sum of the distillation losses, and the losses themselves by name."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]


def dual_path_losses(config: Config, visual: StreamOutput, fused: StreamOutput, views: StrongViews) -> DualPathLosses:
    """Computes the distillation losses of the student's two streams on strong views.

    The fusion stream teaches the visual one where it is better (Eq. 12), and the teacher's visual stream teaches the
    student's fusion stream (F'_vis → F_fus and L'_vis → L_fus). The term `better` is the fraction of images in which
    the fusion stream teaches.
    """
    weights = (config.feature_weight, config.logit_weight)
    gate = torch.ones(len(visual.tokens), dtype=torch.bool, device=visual.tokens.device)
    if config.gate == "per_image":
        gate = lower_cross_entropy(fused.logits.detach(), visual.logits.detach(), views.pseudo.target(0.0))
    within = _path_losses(config, visual, fused, views, gate)
    total = torch.stack([w * loss for w, loss in zip(weights, within, strict=True)]).sum()
    terms = {"features": within[0], "logits": within[1], "better": gate.float().mean()}
    if config.path_weight > 0:
        across = _path_losses(config, fused, views.teacher, views, torch.ones_like(gate))
        total = total + config.path_weight * torch.stack([w * x for w, x in zip(weights, across, strict=True)]).sum()
        terms |= {"path-features": across[0], "path-logits": across[1]}
    return DualPathLosses(total, terms)


def ramp_up(fraction: float, until: float) -> float:
    """Returns the weight exp(-5 (1 - x)²), where x rises linearly to 1 at the fraction `until` of training, then stays.

    Laine and Aila, Temporal Ensembling, ICLR 2017; Tarvainen and Valpola, Mean Teacher, NeurIPS 2017.
    """
    return 1.0 if fraction >= until else math.exp(-5 * (1 - fraction / until) ** 2)


def _path_losses(
    config: Config, student: StreamOutput, teacher: StreamOutput, views: StrongViews, chosen: Bool[Tensor, " b"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Computes L_feat of means over all tokens (Eq. 1) and L_logits over valid pixels (Eq. 2) of the chosen images.

    Both are 0 if no image is chosen.
    """
    if not chosen.any():
        nothing = student.logits.new_zeros((), dtype=torch.float32)
        return nothing, nothing
    own, target = (stream.tokens[chosen].mean(dim=(2, 3)) for stream in (student, teacher))
    features = feature_distillation(own, target.detach(), config.direction, config.distance)
    valid = nearest_align_corners(views.pseudo.valid[chosen], student.logits.shape[-2:])
    logits = kl_divergence(student.logits[chosen], teacher.logits[chosen].detach(), config.temperature, counted=valid)
    return features, logits
