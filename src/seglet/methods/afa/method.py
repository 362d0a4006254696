"""AFA: tags, a Mix Transformer, and an affinity learned from its attention. Section numbers are the paper's.

Ru et al., CVPR 2022. Axes: b images, k classes with the background first, f foreground classes, h rows and w columns of
patches, n = h·w, y rows and x columns of pixels.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.data.columns.token_grid import covered_tokens
from seglet.labels.cam.background import labels_between_backgrounds
from seglet.labels.cam.random_walk import affinity_transitions, walk_along_affinity
from seglet.labels.refine.pixel_adaptive import par
from seglet.losses.affinity import affinity_loss, pair_labels
from seglet.losses.task import multilabel_soft_margin
from seglet.methods import base
from seglet.methods.afa.affinity import AttentionAffinity
from seglet.methods.afa.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.models.backbones.mit import MixTransformer, last_attention
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.layers.dropout import noise_from
from seglet.models.network import evaluation_mode
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import at_least_float32, resize_half_pixel
from seglet.types import (
    IGNORE,
    Classes,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    without_background,
)

_BLOCKS = 2
"""Last blocks whose attention the affinity is learned from; AFA code."""

_LEAST = 32
"""Least side in pixels of an image that a Mix Transformer takes."""

_EPSILON = 1e-5
"""Added to a map's maximum before it is divided by it; AFA code."""

_HEAD = 0xAFA
"""Purpose of the draws of the classifier and the affinity, beside those of the student."""


class Method(base.Method[Tagged]):
    """A segmenter that learns from its own class maps, spread along an affinity that its attention learns from them."""

    supervision = Tagged

    def __init__(self, config: Config, student: Segmenter, seed: int) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        generator = torch.Generator().manual_seed(seed ^ _HEAD)
        inside = student.network.backbone.channels[-1]
        self.classifier = nn.Conv2d(inside, len(student.classes) - 1, 1, bias=False)
        with torch.no_grad():
            self.classifier.weight.uniform_(-(inside**-0.5), inside**-0.5, generator=generator)
        self.affinity = AttentionAffinity(_BLOCKS * self.backbone.heads, generator)
        if config.freeze_norms:
            for part in student.network.backbone.modules():
                if isinstance(part, nn.LayerNorm):
                    part.requires_grad_(False)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the network, the classifier of its last stage, and the affinity.

        Raises:
            ValueError: the first class is not the background, or the student is no Mix Transformer.
        """
        check_background_first(classes)
        return cls(config, build_student(config, classes, seed, last_stride=config.last_stride), seed)

    @property
    def backbone(self) -> MixTransformer:
        """The student's backbone.

        Raises:
            ValueError: it is no Mix Transformer.
        """
        backbone = self.student.network.backbone
        if not isinstance(backbone, MixTransformer):
            raise ValueError(f"student: expected a Mix Transformer, got {self.config.student}; AFA reads its attention")
        return backbone

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes the loss of tags and, after `label_start`, of segmentation and affinity (Sec. 3.5).

        `confident` is the fraction of labelled pixels.
        """
        config, tags = self.config, without_background(step.tags)
        with (
            noise_from(self.student, progress.generator(step.images.device)),
            last_attention(self.backbone, _BLOCKS) as found,
        ):
            stages = self.backbone(step.images)
            logits, _ = self.student.network.head(stages)
        affinity = self.affinity(found)
        terms = {
            "tags": multilabel_soft_margin(self.classifier(stages[-1].amax((2, 3), keepdim=True))[:, :, 0, 0], tags)
        }
        if progress.fraction < config.label_start:
            idle = 0.0 * (logits.sum() + affinity.sum())  # every parameter has a part in the loss
            return Losses(terms["tags"] + idle, terms)
        labels, walked = self.labels(step, tags, progress.fraction >= config.walk_start)
        terms |= self.task.parts("seg", logits, Target(walked, torch.ones_like(walked, dtype=torch.float32)))
        pairs = pair_labels(labels, (stages[-1].shape[2], stages[-1].shape[3]), config.affinity_radius)
        terms["affinity"] = affinity_loss(affinity, pairs)
        terms["confident"] = (walked != IGNORE).float().mean()
        total = terms["tags"] + config.seg_weight * terms["seg"] + config.affinity_weight * terms["affinity"]
        return Losses(total, terms)

    @torch.no_grad()
    def labels(
        self, step: Tagged, tags: Float[Tensor, "b f"], walk: bool
    ) -> tuple[Int64[Tensor, "b y x"], Int64[Tensor, "b y x"]]:
        """Returns labels for the affinity, from refined class maps, and for the segmentation, after a walk if asked."""
        cams, affinity, grid = self.class_maps(step.images)
        config = self.config
        refine = partial(par, steps=config.par_steps)
        choose = partial(
            labels_between_backgrounds, cams, tags, step.images, (config.background_low, config.background_high)
        )
        outside = ~covered_tokens(step.crop, (cams.shape[2], cams.shape[3]))
        labels = choose(refine).masked_fill(outside, IGNORE)
        if not walk:
            return labels, labels
        transitions = affinity_transitions(affinity, grid, config.affinity_radius, config.walk_power)

        def walk_and_refine(shares: Tensor, images: Tensor) -> Tensor:
            walked = walk_along_affinity(resize_half_pixel(shares, grid), transitions, config.walk_steps)
            return refine(resize_half_pixel(walked, shares.shape[2:]), images)

        return labels, choose(walk_and_refine).masked_fill(outside, IGNORE)

    @torch.no_grad()
    def class_maps(
        self, images: Float[Tensor, "b 3 y x"]
    ) -> tuple[Float[Tensor, "b f y x"], Float[Tensor, "b n n"], tuple[int, int]]:
        """Returns class maps in [0, 1], summed over scales, and the affinity at the largest scale with its grid."""
        size, scales = (images.shape[2], images.shape[3]), self.config.cam_scales
        total = images.new_zeros(len(images), len(self.student.classes) - 1, *size)
        for scale in sorted(scales):
            view = resize_half_pixel(images, (max(_LEAST, int(scale * size[0])), max(_LEAST, int(scale * size[1]))))
            with evaluation_mode(self.backbone), last_attention(self.backbone, _BLOCKS) as found:
                last = self.backbone(torch.cat([view, view.flip(3)]))[-1]
            own, mirrored = resize_half_pixel(at_least_float32(self.classifier(last)), size).chunk(2)
            total += torch.maximum(own, mirrored.flip(3)).relu()  # Sec. 3.2
        total = total - total.amin((2, 3), keepdim=True)
        affinity = at_least_float32(self.affinity([heads[: len(images)] for heads in found]))
        return total / (total.amax((2, 3), keepdim=True) + _EPSILON), affinity, (last.shape[2], last.shape[3])

    def inference_defaults(self) -> InferenceDefaults:
        return InferenceDefaults(scales=self.config.test_scales, flip=self.config.test_mirror)
