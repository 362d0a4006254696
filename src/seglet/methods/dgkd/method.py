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
from seglet.losses.task import multilabel_soft_margin
from seglet.methods import base, protocols
from seglet.methods.dgkd.branches import Branches
from seglet.methods.dgkd.config import Config
from seglet.methods.dgkd.depth_columns import EstimatedDepth, GivenDepth
from seglet.methods.dgkd.pass_maps import PassMaps, run_with_maps
from seglet.methods.tag_supervision import mask_loss_started, mask_terms, refined_mask_target
from seglet.methods.task_loss import TaskLoss
from seglet.models.class_scores import class_scores
from seglet.models.distillation.teachers import Frozen, load_teacher
from seglet.models.heads.ssss import SSSSHead
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.layers.dropout import noise_from
from seglet.models.layers.normalise import Normalise
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

TaggedOrLabelled = Tagged | Labelled
_NOT_NORMALISED = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "bgr": False}
"""Input convention of the authors, who undo the normalisation before images enter their networks; golden dgkd_head."""


class Method(
    base.Method[TaggedOrLabelled],
    protocols.ValidationColumns,
    protocols.TrainingNotes,
    protocols.TrainingWarnings,
    protocols.ReferencePredictions,
):
    """A student of dark images and depth, a teacher of the same images in light, and branches that compare them.

    Only the student is saved: denoisers and projections serve training alone.
    """

    columns = (DEPTH_COLUMN,)
    supervision: type = Tagged

    def __init__(self, config: Config, student: Segmenter, teacher: Frozen[Network] | None, branches: Branches) -> None:
        super().__init__()
        self.config = config
        self.supervision = Tagged if config.learns_from == "tags" else Labelled
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.teacher = teacher
        self.branches = branches

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student and the branches, and loads the teacher.

        Raises:
            ValueError: the first class is not the background; there is no teacher, or one that does not fit.
        """
        if config.learns_from == "tags":
            check_background_first(classes)
        convention = _NOT_NORMALISED if config.official else {}
        student = build_student(config, classes, seed, depth=config.guide(), **convention)
        teacher = None if config.distil == "none" else load_light_teacher(config, classes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # initial weights of denoisers and projections
            branches = Branches(config, _channels(student.network, teacher, len(classes)))
        return cls(config, student, teacher, branches)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        if config.fusion == "none":
            return ()
        if config.depth_files is not None:
            return (GivenDepth(config.depth_files, config.depth_invalid),)
        return (EstimatedDepth(config.depth, None if config.depth_brighten == "none" else config.depth_brighten),)

    @classmethod
    def validation_columns(cls, config: Config) -> Sequence[str]:
        return () if config.fusion == "none" else (DEPTH_COLUMN,)

    def losses(self, step: TaggedOrLabelled, progress: Progress) -> Losses:
        """Computes L_cls, L_seg after `mask_start`, and distillation and denoising losses of each branch (Eq. 14)."""
        generator = progress.generator(step.images.device)
        with noise_from(self.student, generator):
            maps = run_with_maps(self.student.network, self._planes(step))
        terms, total = self._task(maps, step, progress)
        distillation = self._distillation(maps, step, generator)
        if distillation:
            weights = self._weights(distillation, progress)
            summed = torch.stack([weights.get(name, 1.0) * loss for name, loss in distillation.items()]).sum()
            total = total + self.config.distil_weight * summed  # Eq. 14
            shown = {name: weight for name, weight in weights.items() if name.endswith("-distillation")}
            terms |= {name.replace("distillation", "weight"): weight for name, weight in shown.items()}
        return Losses(total, {**terms, **distillation})

    def _weights(self, losses: Mapping[str, Tensor], progress: Progress) -> dict[str, Tensor]:
        """Returns the weight of each branch's distillation, if they differ from 1: 0 before `distil_start`, and then by
        what its denoiser knows; the rest is that of the direct comparison, if there is one."""
        config = self.config
        if not config.distil_start and not config.distil_follow:
            return {}
        names = [name.removesuffix("-distillation") for name in losses if name.endswith("-distillation")]
        known = self.branches.trust(losses) if config.distil_follow else {}
        begun = float(progress.fraction >= config.distil_start)
        ones = torch.ones((), device=next(iter(losses.values())).device)
        weights = {name: begun * known.get(name, ones) for name in names}
        denoised = {f"{name}-distillation": weight for name, weight in weights.items()}
        if not config.distil_direct:
            return denoised
        return {**denoised, **{f"{name}-direct": 1 - weight for name, weight in weights.items()}}

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns a warning for each denoiser that teaches though it knows nothing yet."""
        found = {}
        for name, error in terms.items():
            branch = name.removesuffix("-denoising")
            if branch != name and error >= 1 and terms.get(f"{branch}-weight", 1.0) > 0:
                found[name] = (
                    f"the denoiser of the {branch} maps has an error of {error:.2f}, and predicting nothing has 1: "
                    "what it teaches is noise; let it learn before (distil_start 0.3), or weight by what it knows "
                    "(distil_follow true)"
                )
        return found

    def _planes(self, step: TaggedOrLabelled) -> Float[Tensor, "b planes h w"]:
        if self.student.architecture.depth is None:
            return step.images
        if DEPTH_COLUMN not in step.columns:
            raise ValueError("the student needs depth and the step has none; run `seglet prepare`, or set fusion none")
        return torch.cat([step.images, step.columns[DEPTH_COLUMN][:, None].to(step.images)], dim=1)

    def _task(self, maps: PassMaps, step: TaggedOrLabelled, progress: Progress) -> tuple[dict[str, Tensor], Tensor]:
        """Computes the losses of tags as SSSS does, or of masks, and their sum."""
        if isinstance(step, Labelled):
            parts = self.task.parts("task", maps.logits, step.target)
            return parts, parts["task"]
        config, tags = self.config, without_background(step.tags)
        terms = {
            "tags": multilabel_soft_margin(class_scores(maps.logits, config.focal_power, config.focal_floor), tags)
        }  # L_cls
        total = terms["tags"]
        if mask_loss_started(config, progress):
            masks = maps.logits.detach().float().softmax(dim=1)
            terms |= mask_terms(self.task, maps.logits, refined_mask_target(config, masks, step.images, tags))  # L_seg
            total = total + config.mask_weight * terms["masks"]
        return terms, total

    def _distillation(self, maps: PassMaps, step: TaggedOrLabelled, generator: torch.Generator) -> dict[str, Tensor]:
        if self.teacher is None:
            return {}
        if LIGHT_COLUMN not in step.columns:
            raise ValueError(
                "the teacher needs light images and the step has none; see the keys `light` and `brighten`"
            )
        like = step.images if self.config.masks_at == "images" else maps.logits
        size = (like.shape[2], like.shape[3])
        tags = without_background(step.tags) if isinstance(step, Tagged) else None
        with torch.no_grad():
            light = run_with_maps(self.teacher.network, step.columns[LIGHT_COLUMN].to(step.images))
            target = light.maps(size, tags)
        terms: dict[str, Tensor] = self.branches(maps.maps(size, tags), target, generator)
        return terms

    def predict(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        """Returns log-masks averaged over scales, without classes that no scale finds, as SSSS (A.1)."""
        if not isinstance(self.student.network.head, SSSSHead):
            return super().predict(images)
        return self._masks(self.student.network, images)

    def _masks(self, network: Network, images: Tensor) -> Tensor:
        config = self.config
        options = MultiScaleOptions(
            config.scales, False, 1.0, config.least_score, config.focal_power, config.focal_floor
        )
        return predict_masks(lambda view: network(view).logits, images, options).logits()

    def inference_defaults(self) -> InferenceDefaults:
        if not isinstance(self.student.network.head, SSSSHead):
            return super().inference_defaults()
        return self.config.inference_defaults(self.config.least_score)

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
        own, extra = _count(self.student.network), _count(self.branches)
        lines = [f"the student has {own:,} parameters; {extra:,} more serve distillation, in training only"]
        if self.config.fusion != "none":
            source = self.config.depth if self.config.depth_files is None else f"the maps in {self.config.depth_files}"
            lines.append(f"the student needs depth from {source}, also where it is deployed")
        return lines


def load_light_teacher(config: Config, classes: Classes) -> Frozen[Network]:
    """Loads the segmenter that the config names, frozen.

    Raises:
        ValueError: there is none, it has other classes, it does not predict masks from tags, or it needs depth itself.
    """
    if config.teacher is None:
        raise ValueError(
            "teacher: expected a saved segmenter trained on light images; train one (seglet train configs/ssss/…) "
            "and give its folder, or set distil to none"
        )
    teacher = load_teacher(config.teacher, classes)
    if teacher.network.backbone.fusion is not None:
        raise ValueError(f"the teacher {config.teacher} needs depth; expected one of colour images alone")
    if config.learns_from == "tags" and not isinstance(teacher.network.head, SSSSHead):
        raise ValueError(
            f"the teacher {config.teacher} has a {type(teacher.network.head).__name__}; to teach masks from tags it "
            "needs SSSS's (seglet train configs/ssss/…)"
        )
    if config.official:
        teacher.network.backbone.normalise = Normalise((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return teacher


def _channels(student: Network, teacher: Frozen[Network] | None, classes: int) -> dict[str, tuple[int, int]]:
    if teacher is None:
        return {}
    own, light = student.backbone, teacher.network.backbone
    shallow = own.channels[own.shallow], light.channels[light.shallow]
    return {"shallow": shallow, "deep": (own.channels[-1], light.channels[-1]), "mask": (classes, classes)}


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
