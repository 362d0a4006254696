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
from seglet.losses.task import cross_entropy
from seglet.losses.vila import feature_distillation, lower_cross_entropy
from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.strong_views import StrongViews
from seglet.models.heads.vila import StreamOutput, StreamOutputs
from seglet.tensors import nearest_align_corners
from seglet.types import Target


@dataclass(frozen=True)
class DualPathLosses:
    """The weighted sum of the distillation losses, and the losses themselves by name."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]


def fusion_gate(
    config: Config, labelled: StreamOutputs, target: Target, strong: StreamOutputs, views: StrongViews
) -> Bool[Tensor, " b"]:
    """Decides for each strong view whether the fusion stream is better and teaches the visual one (Sec. 3.3).

    `per_image` compares cross-entropies against the view's own pseudo labels, which the teacher's fusion stream
    predicts, so that the judge is partial; `labelled` compares them against the masks of the step's labelled images,
    once for all views.
    """
    visual, fused = strong.logits
    if fused is None or config.gate == "always":
        return torch.full((len(visual),), fused is not None, device=visual.device)
    if config.gate == "per_image":
        return lower_cross_entropy(fused.detach(), visual.detach(), views.pseudo.target(0.0))
    plain, reading = (None if logits is None else cross_entropy(logits.detach(), target) for logits in labelled.logits)
    better = plain is not None and reading is not None and bool(reading < plain)
    return torch.full((len(visual),), better, device=visual.device)


def dual_path_losses(
    config: Config, visual: StreamOutput, fused: StreamOutput, views: StrongViews, gate: Bool[Tensor, " b"]
) -> DualPathLosses:
    """Computes the distillation losses of the student's two streams on strong views.

    The fusion stream teaches the visual one in the images of the gate (Eq. 12), and the teacher's visual stream teaches
    the student's fusion stream (F'_vis → F_fus and L'_vis → L_fus). The term `better` is the fraction of images in
    which the fusion stream teaches.
    """
    weights = (config.feature_weight, config.logit_weight)
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
