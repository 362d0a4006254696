"""Several teachers as one: the mean of their probabilities, or for each class those of its best teacher.

Axes: b images, k classes, t teachers, h rows, w columns.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.distillation.feature_taps import TapShape
from seglet.tensors import at_least_float32, resize_align_corners

TeacherRule = Literal["mean", "class"]
"""Rule by which teachers are joined: the mean of their probabilities, or each class by its best teacher."""


@runtime_checkable
class LogitTeacher(Protocol):
    """A teacher that gives logits of all classes of the data."""

    def __call__(self, images: Tensor) -> Tensor:
        """Computes logits at the teacher's own resolution."""

    def predict(self, images: Tensor) -> Tensor:
        """Computes logits at the size of the images."""

    def measure(self, places: Sequence[str]) -> Mapping[str, TapShape]:
        """Returns the shapes of the maps at these places."""

    def notes(self) -> list[str]:
        """Returns lines to print before training."""


class TeacherGroup(nn.Module):
    """Teachers of the same classes, joined by their probabilities; its logits are the logarithms of these.

    With the rule `class` each class has the probabilities of the teacher that scores best on it, and those of a pixel
    are divided by their sum; a class that no teacher was scored on has the mean. The scores are part of a checkpoint,
    the teachers are not.
    """

    scores: Tensor | None

    def __init__(self, members: Sequence[nn.Module], classes: int, rule: TeacherRule = "mean") -> None:
        super().__init__()
        self.teachers = nn.ModuleList(members)
        self.rule = rule
        scores = torch.full((len(members), classes), torch.nan) if rule == "class" else None
        self.register_buffer("scores", scores)

    @property
    def members(self) -> list[LogitTeacher]:
        """The teachers."""
        return cast(list[LogitTeacher], list(self.teachers))

    @property
    def network(self) -> "TeacherGroup":
        """The group itself, which gives logits alone."""
        return self

    def forward(self, images: Float[Tensor, "b 3 _ _"]) -> Float[Tensor, "b k h w"]:
        """Computes logits at the resolution of the finest teacher."""
        return self._joined([member(images) for member in self.members])

    def predict(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Computes logits at the size of the images."""
        return self._joined([member.predict(images) for member in self.members])

    def shape(self) -> TapShape:
        """Returns the shape of its logits."""
        return min((member.measure(["logits"])["logits"] for member in self.members), key=lambda found: found.stride)

    def notes(self) -> list[str]:
        """Returns lines about the teachers, to print before training."""
        how = "for each class the best on the validation data" if self.rule == "class" else "the mean of probabilities"
        return [f"{len(self.members)} teachers: {how}", *(line for each in self.members for line in each.notes())]

    def learn_scores(self, teacher: int, iou: Sequence[float]) -> None:
        """Takes the IoU of each class, NaN for a class without pixels, of a teacher counted from 0."""
        if self.scores is not None:
            self.scores[teacher] = torch.tensor(iou).to(self.scores)

    def best(self) -> list[int | None]:
        """Returns the best teacher of each class, the first of equal ones; None for a class without scores."""
        if self.scores is None:
            return []
        scored = (~self.scores.isnan()).any(dim=0).tolist()
        best = self.scores.nan_to_num(-1).argmax(dim=0).tolist()
        return [place if known else None for place, known in zip(best, scored, strict=True)]

    def _joined(self, logits: Sequence[Tensor]) -> Float[Tensor, "b k h w"]:
        finest = max((each.shape[-2:] for each in logits), key=lambda size: size[0] * size[1])
        shares = torch.stack([at_least_float32(resize_align_corners(each, finest)).softmax(dim=1) for each in logits])
        joined = shares.mean(dim=0)
        for label, place in enumerate(self.best()):
            if place is not None:
                joined[:, label] = shares[place, :, label]
        least = torch.finfo(joined.dtype).tiny
        return (joined / joined.sum(dim=1, keepdim=True).clamp_min(least)).clamp_min(least).log()
