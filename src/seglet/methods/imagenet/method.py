"""Masks from tags by a frozen ImageNet classifier, applied at every place of its last feature map.

That a classifier behind global pooling also tells places is class activation mapping: Zhou et al., CVPR 2016.

Axes: b images, k classes with the background first, f foreground classes, y rows and x columns of pixels.
"""

from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.data.columns.token_grid import covered_tokens
from seglet.labels.cam.background import add_absence_background
from seglet.labels.refine.pixel_adaptive import par
from seglet.methods import base, protocols
from seglet.methods.imagenet.config import Config
from seglet.methods.imagenet.groups import ClassGroup, class_groups, group_notes
from seglet.methods.imagenet.maps import group_maps
from seglet.methods.task_loss import TaskLoss
from seglet.models.backbones.imagenet_classifier import ImageNetClassifier, load_imagenet_classifier
from seglet.models.distillation.teachers import Frozen
from seglet.models.layers.dropout import noise_from
from seglet.models.layers.folding import fold_norms
from seglet.models.multiscale import MultiScaleOptions, scaled_views, undo_view
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student, imagenet_file
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


class Method(base.Method[Tagged], protocols.LabelMaps, protocols.TrainingNotes):
    """A frozen classifier whose maps of tagged classes are masks, and a student that may be trained on them."""

    supervision = Tagged

    def __init__(
        self, config: Config, student: Segmenter, classifier: ImageNetClassifier, groups: tuple[ClassGroup, ...]
    ) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.classifier = Frozen(classifier)
        self.groups = groups
        self.members = [group.members for group in groups]

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Loads the classifier, finds the ImageNet classes of each class and builds the student.

        Raises:
            ValueError: the first class is not the background, the weights are not there, or no class maps to anything.
        """
        check_background_first(classes)
        groups = class_groups(classes, config.groups, config.name_encoder)
        file = imagenet_file(config.classifier, 1.0, config.classifier_weights)
        if file is None:
            raise ValueError("classifier_weights: a classifier with random weights makes no masks; give auto or a file")
        classifier = load_imagenet_classifier(config.classifier, Path(file), config.classifier_stride)
        largest = max(member for group in groups for member in group.members)
        if largest >= classifier.classify.out_channels:
            raise ValueError(
                f"{file} knows {classifier.classify.out_channels} classes, not the 1000 of ImageNet-1k; take the file "
                "of the package"
            )
        fold_norms(classifier)
        return cls(config, build_student(config, classes, seed), classifier, groups)

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
        """Returns the pseudo labels of tagged images.

        They are void where no class is sure, outside the image, and where the background would hide a tagged class that
        ImageNet does not have.
        """
        tags = without_background(step.tags)
        maps = self.label_maps(step.images, tags)
        refined = par(maps, step.images, steps=self.config.par_steps) if self.config.par_steps else maps
        refined = refined * with_background(tags, 1.0)[:, :, None, None]
        sure, labels = (refined / refined.sum(dim=1, keepdim=True).clamp_min(1e-7)).max(dim=1)
        mapped = torch.tensor([bool(group) for group in self.members], device=tags.device)
        hidden = (tags.bool() & ~mapped).any(dim=1)[:, None, None] & (labels == 0)
        inside = covered_tokens(step.crop, (labels.shape[1], labels.shape[2]))
        labels = labels.masked_fill((sure < self.config.confidence) | hidden | ~inside, IGNORE)
        return Target(labels, torch.ones_like(labels, dtype=torch.float32))

    @torch.no_grad()
    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """Returns class maps at the size of the images, as the mean over `cam_scales` and the mirrored image."""
        config, size = self.config, (images.shape[2], images.shape[3])
        views = scaled_views(images, MultiScaleOptions(scales=config.cam_scales, flip=config.cam_mirror))
        read = partial(group_maps, members=self.members, score=config.place_score, chance_level=config.chance_level)
        found = [undo_view(read(self.classifier(view)), size, mirrored) for view, mirrored in views]
        maps = torch.stack(found).mean(dim=0)
        return add_absence_background(maps, tags, size, config.background_power)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns for each class the ImageNet classes that stand for it."""
        return group_notes(self.groups)
