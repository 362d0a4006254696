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
from seglet.methods.viladiff.views import Taught
from seglet.models.heads.vila import Stream
from seglet.tensors import resize_labels


@dataclass(frozen=True)
class Distilled:
    """What is added to the objective, and its parts."""

    total: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]]


def distilled(config: Config, visual: Stream, fused: Stream, taught: Taught) -> Distilled:
    """Eq. 12 of the student's streams, where the fusion stream is the better one; and what the teacher's visual stream
    teaches the student's fusion stream (F'_vis → F_fus and L'_vis → L_fus).

    `better` is the share of images in which the fusion stream teaches.
    """
    weights = (config.feature_weight, config.logit_weight)
    gate = torch.ones(len(visual.tokens), dtype=torch.bool, device=visual.tokens.device)
    if config.gate == "per_image":
        gate = lower_cross_entropy(fused.logits.detach(), visual.logits.detach(), taught.guess.target(0.0))
    within = _parts(config, visual, fused, taught, gate)
    total = torch.stack([w * part for w, part in zip(weights, within, strict=True)]).sum()
    terms = {"features": within[0], "logits": within[1], "better": gate.float().mean()}
    if config.path_weight > 0:
        path = _parts(config, fused, taught.stream, taught, torch.ones_like(gate))
        total = total + config.path_weight * torch.stack([w * p for w, p in zip(weights, path, strict=True)]).sum()
        terms |= {"path-features": path[0], "path-logits": path[1]}
    return Distilled(total, terms)


def ramp_up(fraction: float, until: float) -> float:
    """Weight that rises as exp(-5 (1 - x)²) until a share of training is over, and is 1 from there on.

    Laine and Aila, Temporal Ensembling, ICLR 2017; Tarvainen and Valpola, Mean Teacher, NeurIPS 2017.
    """
    return 1.0 if fraction >= until else math.exp(-5 * (1 - fraction / until) ** 2)


def _parts(
    config: Config, student: Stream, teacher: Stream, taught: Taught, which: Bool[Tensor, " b"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """L_feat of means over all tokens (Eq. 1), and L_logits over valid pixels (Eq. 2); 0 of no image."""
    if not which.any():
        nothing = student.logits.new_zeros((), dtype=torch.float32)
        return nothing, nothing
    mine, theirs = (stream.tokens[which].mean(dim=(2, 3)) for stream in (student, teacher))
    features = feature_distillation(mine, theirs.detach(), config.direction, config.distance)
    valid = resize_labels(taught.guess.valid[which].long(), student.logits.shape[-2:]).bool()
    logits = kl_divergence(student.logits[which], teacher.logits[which].detach(), config.temperature, counted=valid)
    return features, logits
