"""Diffusion-guided knowledge distillation in the dark (DGKD-WLSS). Equation and section numbers are the paper's.

Wang, Zhang and Tang, ACM Multimedia 2025. Axes: b images, k classes with the background first, h rows, w columns.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.columns.depth import DEPTH_COLUMN
from seglet.data.columns.producer import ColumnProducer
from seglet.data.loading.dark_light_pairs import LIGHT_COLUMN
from seglet.losses.task import cross_entropy, multilabel_soft_margin
from seglet.methods import base, protocols
from seglet.methods.dgkd.branches import Branches
from seglet.methods.dgkd.config import Config
from seglet.methods.dgkd.depth import EstimatedDepth, GivenDepth
from seglet.methods.dgkd.teacher import open_teacher
from seglet.methods.dgkd.views import View, look
from seglet.methods.self_taught import begun, mask_terms, refined
from seglet.models.class_scores import class_scores
from seglet.models.distillation.teachers import Frozen
from seglet.models.heads.ssss import SSSSHead
from seglet.models.layers.dropout import noise_from
from seglet.models.multiscale import MultiScaleOptions, predict_masks
from seglet.models.network import Network
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.types import (
    Classes,
    Labelled,
    Losses,
    Progress,
    Tagged,
    check_background_first,
    without_background,
)

Step = Tagged | Labelled
AS_THEY_ARE = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "bgr": False}
"""The authors undo the normalisation in place before their networks see the images; golden dgkd_head."""


class Method(base.Method[Step], protocols.ValidationColumns, protocols.TrainingNotes, protocols.ReferencePredictions):
    """A student that sees the dark and is told depth, a teacher that sees the same in the light, and what is between.

    Only the student is kept: neither denoisers nor projections are in the saved segmenter.
    """

    columns = (DEPTH_COLUMN,)
    supervision: type = Tagged

    def __init__(self, config: Config, student: Segmenter, teacher: Frozen[Network] | None, branches: Branches) -> None:
        super().__init__()
        self.config = config
        self.supervision = Tagged if config.learns_from == "tags" else Labelled
        self.student = student
        self.teacher = teacher
        self.branches = branches

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """
        Raises:
            ValueError: the first class is not the background; there is no teacher, or one that does not fit.
        """
        if config.learns_from == "tags":
            check_background_first(classes)
        convention = AS_THEY_ARE if config.official else {}
        student = build_student(config, classes, seed, depth=config.guide(), **convention)
        teacher = None if config.distil == "none" else open_teacher(config, classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # initial weights of denoisers and projections
            branches = Branches(config, _channels(student.network, teacher, len(classes)))
        return cls(config, student, teacher, branches)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        if config.fusion == "none":
            return ()
        if config.depth_files is not None:
            return (GivenDepth(config.depth_files),)
        return (EstimatedDepth(config.depth, None if config.depth_brighten == "none" else config.depth_brighten),)

    @classmethod
    def validation_columns(cls, config: Config) -> Sequence[str]:
        return () if config.fusion == "none" else (DEPTH_COLUMN,)

    def losses(self, step: Step, progress: Progress) -> Losses:
        """L_cls, L_seg after `mask_start`, and of each branch what it costs to denoise and to differ (Eq. 14)."""
        generator = progress.generator(step.images.device)
        with noise_from(self.student, generator):
            seen = look(self.student.network, self._planes(step))
        terms, total = self._task(seen, step, progress)
        distilled = self._distilled(seen, step, generator)
        if distilled:
            total = total + self.config.distil_weight * torch.stack(list(distilled.values())).sum()  # Eq. 14
        return Losses(total, {**terms, **distilled})

    def _planes(self, step: Step) -> Float[Tensor, "b planes h w"]:
        if self.student.architecture.depth is None:
            return step.images
        if DEPTH_COLUMN not in step.columns:
            raise ValueError(
                "the student is told depth and the step has none; run `seglet prepare`, or set fusion none"
            )
        return torch.cat([step.images, step.columns[DEPTH_COLUMN][:, None].to(step.images)], dim=1)

    def _task(self, seen: View, step: Step, progress: Progress) -> tuple[dict[str, Tensor], Tensor]:
        """What SSSS learns from tags, or everybody from masks."""
        if isinstance(step, Labelled):
            task = cross_entropy(seen.logits, step.target)
            return {"task": task}, task
        config, tags = self.config, without_background(step.tags)
        terms = {
            "tags": multilabel_soft_margin(class_scores(seen.logits, config.focal_power, config.focal_floor), tags)
        }  # L_cls
        total = terms["tags"]
        if begun(config, progress):
            masks = seen.logits.detach().float().softmax(dim=1)
            terms |= mask_terms(seen.logits, refined(config, masks, step.images, tags))  # L_seg
            total = total + config.mask_weight * terms["masks"]
        return terms, total

    def _distilled(self, seen: View, step: Step, generator: torch.Generator) -> dict[str, Tensor]:
        if self.teacher is None:
            return {}
        if LIGHT_COLUMN not in step.columns:
            raise ValueError("the teacher sees the light and the step has no such images; see `light`, `brighten`")
        like = step.images if self.config.masks_at == "images" else seen.logits
        size = (like.shape[2], like.shape[3])
        tags = without_background(step.tags) if isinstance(step, Tagged) else None
        with torch.no_grad():
            taught = look(self.teacher.network, step.columns[LIGHT_COLUMN].to(step.images))
            target = taught.maps(size, tags)
        found: dict[str, Tensor] = self.branches(seen.maps(size, tags), target, generator)
        return found

    def predict(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        """Log-masks over all scales, without the classes that no scale believes in, as SSSS does it (A.1)."""
        if not isinstance(self.student.network.head, SSSSHead):
            return super().predict(images)
        return self._masks(self.student.network, images)

    def _masks(self, network: Network, images: Tensor) -> Tensor:
        config = self.config
        options = MultiScaleOptions(
            config.scales, False, 1.0, config.least_score, config.focal_power, config.focal_floor
        )
        return predict_masks(lambda view: network(view).logits, images, options).logits()

    def reference_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        teacher = self.teacher
        if teacher is None or not self.config.score_teacher:
            return {}

        def in_the_dark(images: Tensor) -> Tensor:
            if isinstance(teacher.network.head, SSSSHead):
                return self._masks(teacher.network, images[:, :3])
            logits: Tensor = teacher(images[:, :3]).logits
            return logits

        return {"teacher in the dark": in_the_dark}

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        kept, passing = _count(self.student.network), _count(self.branches)
        lines = [f"the student has {kept:,} parameters; {passing:,} more denoise and compare, in training only"]
        if self.config.fusion != "none":
            told = self.config.depth if self.config.depth_files is None else f"the maps in {self.config.depth_files}"
            lines.append(f"the student is told depth by {told}, which it needs wherever it is used")
        return lines


def _channels(student: Network, teacher: Frozen[Network] | None, classes: int) -> dict[str, tuple[int, int]]:
    if teacher is None:
        return {}
    own, taught = student.backbone, teacher.network.backbone
    shallow = own.channels[own.shallow], taught.channels[taught.shallow]
    return {"shallow": shallow, "deep": (own.channels[-1], taught.channels[-1]), "mask": (classes, classes)}


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
