"""CLIP-ES: masks from tags by Grad-CAM on a frozen CLIP. Section numbers are the paper's.

Lin et al., CVPR 2023. Axes: b images, k classes with the background first, f foreground classes, h rows, w columns.
"""

from functools import partial

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.data.columns.token_grid import covered_tokens
from seglet.labels.cam.background import add_absence_background, refine_with_absence
from seglet.labels.cam.grad_cam import confidence_of
from seglet.labels.refine.crf import dense_crf
from seglet.labels.refine.crf_settings import EXCEL_CRF
from seglet.labels.refine.pixel_adaptive import par
from seglet.methods import base, protocols
from seglet.methods.clip_cams import ClipCams
from seglet.methods.clip_es.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.models.distillation.teachers import Frozen
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
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


class Method(base.Method[Tagged], protocols.LabelMaps, protocols.Explanations, protocols.TrainingNotes):
    """Class maps of a frozen CLIP, and a network that learns from them where they are confident."""

    supervision = Tagged

    def __init__(self, config: Config, student: Segmenter, tower: ImageTower, cams: ClipCams) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.tower = Frozen(tower)
        self.cams = cams

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Loads CLIP, embeds the class prompts and builds the network.

        Raises:
            ValueError: the first class is not the background; CLIP cannot be loaded, or knows no word of a class.
        """
        check_background_first(classes)
        clip = ImageTextEncoder.load(config.clip_model)
        return cls(config, build_student(config, classes, seed), clip.image, ClipCams.build(config, clip, classes))

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes the cross-entropy on confident pixels (CGL, Sec. 3.5); `confident` is their fraction."""
        target = self.target(step)
        with noise_from(self.student, progress.generator(step.images.device)):
            prediction = self.student.network(step.images)
        parts = self.task.parts("task", prediction.logits, target)
        total = parts["task"]
        terms = {**parts, "confident": (target.labels != IGNORE).float().mean()}
        if prediction.auxiliary is not None:
            terms["auxiliary"] = self.task(prediction.auxiliary, target)
            total = total + self.config.auxiliary_weight * terms["auxiliary"]
        return Losses(total, terms)

    @torch.no_grad()
    def target(self, step: Tagged) -> Target:
        """Returns the masks of the images, IGNORE where they are not confident, and outside the image."""
        tags = without_background(step.tags)
        refine = {"crf": partial(dense_crf, settings=EXCEL_CRF), "par": partial(par, steps=self.config.par_steps)}
        maps = refine_with_absence(
            self._spread_maps(step.images, tags), tags, step.images, self.config.background_power,
            refine.get(self.config.refiner, _unrefined),
        )  # fmt: skip
        sure = confidence_of(maps) >= self.config.confidence
        sure &= covered_tokens(step.crop, (maps.shape[2], maps.shape[3]))
        labels = maps.argmax(dim=1).masked_fill(~sure, IGNORE)
        return Target(labels, torch.ones_like(labels, dtype=torch.float32))

    def _spread_maps(self, images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b f"]) -> Float[Tensor, "b f h w"]:
        return self.cams.spread(self.cams.gradient_maps(self.tower.network, images, tags))

    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """Returns class maps at the size of the images, before they are refined."""
        cams, size = self._spread_maps(images, tags), (images.shape[2], images.shape[3])
        return add_absence_background(cams, tags, size, self.config.background_power)

    def explain(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> protocols.Explanation:
        """Returns the maps of Grad-CAM and those spread along attention, and CLIP's attention."""
        maps = self.cams.gradient_maps(self.tower.network, images, tags)
        attention = maps.attention[:, -self.config.caa_layers :].mean(dim=1)
        return protocols.Explanation({"gradcam": maps.cams, "caa": self.cams.spread(maps)}, {"clip": attention})

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns notes on how CLIP reads the class names."""
        return list(self.cams.notes)


def _unrefined(maps: Tensor, images: Tensor) -> Tensor:
    return maps
