"""Masks of what words name, by a frozen network that is asked by words: CLIPSeg, SAM 3 or TIPSv2.

An image is encoded once and asked for the classes that its tags allow. Thresholds, a background and a band of doubt
make the answers exclusive.

Axes: b images, k classes with the background first, f foreground classes, y rows and x columns of pixels.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.data.columns.producer import ColumnProducer
from seglet.data.columns.token_grid import covered_tokens, crop_token_grid
from seglet.labels.refine.pixel_adaptive import par
from seglet.methods import base, protocols
from seglet.methods.concepts.asking import AskedTeacher, ClassScores, load_asked_teacher, wording_notes
from seglet.methods.concepts.columns import CONCEPT_COLUMN, ConceptScores
from seglet.methods.concepts.config import Config
from seglet.methods.concepts.scores import exclusive_maps
from seglet.methods.task_loss import TaskLoss
from seglet.models.foundation.licences import licence_note
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_half_pixel
from seglet.types import (
    IGNORE,
    Classes,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    with_background,
    without_background,
)


class Method(
    base.Method[Tagged],
    protocols.UntaggedMaps,
    protocols.DeferredTeacher,
    protocols.ThresholdedScores,
    protocols.TrainingNotes,
):
    """A frozen network whose answers to words are masks, and a student that may be trained on stored answers."""

    supervision = Tagged
    columns = (CONCEPT_COLUMN,)

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.thresholds: Tensor
        cuts = torch.tensor(config.thresholds_of(student.classes), device="cpu")
        self.register_buffer("thresholds", cuts, persistent=False)
        self._teacher: list[AskedTeacher] = []  # a list, so that the large network is no part of the student's method

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student; the network that is asked is loaded by `load_teacher`, which training does not need.

        Raises:
            ValueError: the first class is not the background, or a threshold is for no class.
        """
        check_background_first(classes)
        return cls(config, build_student(config, classes, seed))

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        """Returns the producer of the scores that the student learns from."""
        return (ConceptScores(config, classes),)

    def load_teacher(self, device: torch.device) -> list[str]:
        """Loads the network that is asked; returns notes on how it reads the words."""
        teacher = load_asked_teacher(self.config, self.student.classes, device)
        self._teacher = [teacher]
        return wording_notes(teacher, self.config, self.student.classes)

    def teacher_source(self) -> str:
        """Returns the short name, hub id or folder of the network that is asked."""
        return self.config.model

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes the loss against the refined maps; `confident` is the share of labelled pixels."""
        target = self.target(step)
        with noise_from(self.student, progress.generator(step.images.device)):
            prediction = self.student.network(step.images)
        parts = self.task.parts("seg", prediction.logits, target)
        total = parts["seg"]
        terms = {**parts, "confident": (target.labels != IGNORE).float().mean()}
        if prediction.auxiliary is not None:
            terms["auxiliary"] = self.task(prediction.auxiliary, target)
            total = total + self.config.auxiliary_weight * terms["auxiliary"]
        return Losses(total, terms)

    @torch.no_grad()
    def target(self, step: Tagged) -> Target:
        """Returns the labels of tagged views by the stored scores; void outside the image and where no map is sure."""
        tags, size = without_background(step.tags), (step.images.shape[2], step.images.shape[3])
        grids = step.columns[CONCEPT_COLUMN].permute(0, 3, 1, 2).float() / 255
        maps = self._exclusive(crop_token_grid(grids, step.crop, size), tags)
        refined = par(maps, step.images, steps=self.config.par_steps) if self.config.par_steps else maps
        refined = refined * with_background(tags, 1.0)[:, :, None, None]
        total = refined.sum(dim=1, keepdim=True)
        sure, labels = (refined / total.clamp_min(1e-7)).max(dim=1)
        doubtful = (sure < self.config.confidence) | (total[:, 0] == 0)
        labels = labels.masked_fill(doubtful | ~covered_tokens(step.crop, size), IGNORE)
        return Target(labels, torch.ones_like(labels, dtype=torch.float32))

    @torch.no_grad()
    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """Returns class maps at the size of the images; only the tagged classes of each image are asked for."""
        return self._exclusive(self.class_scores(images, tags), tags)

    @torch.no_grad()
    def untagged_maps(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b k y x"]:
        """Returns class maps of images of unknown content: of the classes whose presence reaches `presence`."""
        everything = torch.ones(len(images), len(self.student.classes) - 1, device=images.device)
        answers = self._answers(images, everything)
        present = torch.stack([answer.presence for answer in answers]) >= self.config.presence
        return self._exclusive(_at_size(answers, images), present.to(images))

    @torch.no_grad()
    def class_scores(self, images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b f"]) -> Float[Tensor, "b f y x"]:
        """Returns scores in [0, 1] of the tagged classes, before thresholds, at the size of the images."""
        return _at_size(self._answers(images, tags), images)

    def threshold_of_each(self) -> Float[Tensor, " f"]:
        """Returns the threshold of each class but the background."""
        return self.thresholds

    def set_thresholds(self, thresholds: Float[Tensor, " f"]) -> None:
        """Takes the threshold of each class but the background."""
        self.thresholds = thresholds.to(self.thresholds)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns the licence of the network that is asked."""
        return [licence_note(self.config.model)]

    def _answers(self, images: Tensor, tags: Tensor) -> list[ClassScores]:
        if not self._teacher:
            raise ValueError("the network that is asked has not been loaded; call load_teacher first")
        wanted = [present.nonzero()[:, 0].tolist() for present in tags]
        return [self._teacher[0].scores(image[None], own) for image, own in zip(images, wanted, strict=True)]

    def _exclusive(self, scores: Tensor, tags: Tensor) -> Tensor:
        return exclusive_maps(scores, tags, self.thresholds, self.config.background_power, self.config.margin)


def _at_size(answers: Sequence[ClassScores], images: Tensor) -> Tensor:
    """Returns the maps of each image at its size; scores are enlarged after their sigmoid, as the libraries do."""
    size = (images.shape[2], images.shape[3])
    return torch.cat([resize_half_pixel(answer.maps[None].float(), size) for answer in answers])
