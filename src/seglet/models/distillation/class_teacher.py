"""Teachers that give class logits, whatever their own classes: saved segmenters, those of transformers, the average.

Axes: b images, k classes of the data, m of them that the teacher has, t classes of the teacher, h rows, w columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from seglet.models.distillation.class_matching import ClassMatch, match_teacher_classes, read_class_mapping
from seglet.models.distillation.feature_taps import TapShape, forward_with_taps, measure_taps
from seglet.models.distillation.teacher_group import TeacherGroup, TeacherRule
from seglet.models.distillation.teachers import EMA, Frozen
from seglet.models.network import Network
from seglet.models.segmenter import load
from seglet.tensors import resize_align_corners
from seglet.types import IGNORE, Classes, option
from seglet.values import ConfigError

if TYPE_CHECKING:
    from seglet.models.foundation.pretrained_segmenter import PretrainedSegmenter

AVERAGE = "ema"
"""Name of the teacher that is the moving average of the student."""

_HUB = "hf:"
_NEVER = -1e4
"""Logit of a class that the teacher does not have: probability 0, and finite when it is resized."""


@dataclass(frozen=True)
class ClassTeacherConfig:
    """Config keys of a teacher that gives class logits, beside `teacher` itself."""

    teacher_classes: str | None = option(
        None, "YAML file, `data class: teacher class` or a list whose probabilities are added; none: matched by name"
    )
    ema_momentum: float = option(
        0.999, "share of itself that the teacher `ema` keeps in a step; Tarvainen and Valpola, NeurIPS 2017"
    )


class SharedClasses:
    """The classes of the data that a teacher has, where it does not have exactly those of the data.

    The student is compared with it over them alone: both softmaxes are taken over them, and pixels whose label is
    another class are left out. Pixels without annotation are compared.
    """

    def __init__(self, match: ClassMatch) -> None:
        self.match = match
        self.labels = match.labels
        self._sources = [found.sources for found in match.shared]

    def of_student(self, logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b m h w"]:
        """Returns the student's logits, or weights by class, of the shared classes."""
        return logits[:, list(self.labels)]

    def of_teacher(self, logits: Float[Tensor, "b t h w"]) -> Float[Tensor, "b m h w"]:
        """Returns the teacher's logits of the shared classes; joined classes add their probabilities."""
        if all(len(places) == 1 for places in self._sources):
            return logits[:, [place for (place,) in self._sources]]
        return torch.stack([logits[:, list(places)].logsumexp(dim=1) for places in self._sources], dim=1)

    def spread(self, logits: Float[Tensor, "b m h w"]) -> Float[Tensor, "b k h w"]:
        """Returns logits of all classes of the data, so low where the teacher has none that it never predicts them."""
        b, _, h, w = logits.shape
        everywhere = logits.new_full((b, len(self.match.data), h, w), _NEVER)
        everywhere[:, list(self.labels)] = logits
        return everywhere

    def known(self, labels: Integer[Tensor, "b h w"]) -> Bool[Tensor, "b h w"]:
        """Returns False for pixels whose label is a class that the teacher does not have."""
        return torch.isin(labels, labels.new_tensor((*self.labels, IGNORE)))

    def places(self, labels: Integer[Tensor, "b h w"]) -> Integer[Tensor, "b h w"]:
        """Returns the place of each label among the shared classes; IGNORE where it is none of them."""
        found = torch.full_like(labels, IGNORE)
        for place, label in enumerate(self.labels):
            found[labels == label] = place
        return found


@dataclass(frozen=True)
class TeacherPass:
    """Output of one pass of a teacher: its logits of the shared classes, and the maps at the places asked for.

    `trunk` is what Monte-Carlo passes begin with; None of a segmenter of transformers.
    """

    logits: Float[Tensor, "b m h w"]
    maps: Mapping[str, Float[Tensor, "b c h2 w2"]]
    trunk: Float[Tensor, "b d h3 w3"] | None = None


class ClassTeacher(nn.Module):
    """A teacher: a frozen network, or the average of the student, and the classes that it shares with the data.

    `shared` is None if its classes are those of the data. Only an average, and the scores of several teachers, are part
    of a checkpoint.
    """

    def __init__(
        self,
        source: "Frozen[Network] | EMA[Network] | Frozen[PretrainedSegmenter] | TeacherGroup",
        shared: SharedClasses | None = None,
        name: str = "",
    ) -> None:
        super().__init__()
        self.source = source
        self.shared = shared
        self.name = name

    @property
    def network(self) -> "Network | PretrainedSegmenter | TeacherGroup":
        """The network itself."""
        return self.source.network

    @torch.no_grad()
    def forward(self, images: Float[Tensor, "b 3 _ _"]) -> Float[Tensor, "b m h w"]:
        """Computes logits of the shared classes at the teacher's own resolution."""
        output = self.source(images)
        return self._of_shared(output.logits if isinstance(self.network, Network) else output)

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Computes logits of the data's classes at the size of the images."""
        network = self.network
        if isinstance(network, Network):
            logits = resize_align_corners(self(images), (images.shape[-2], images.shape[-1]))
        else:
            logits = torch.cat([self._of_shared(network.predict(image[None])) for image in images])
        return logits if self.shared is None else self.shared.spread(logits)

    @torch.no_grad()
    def observe(self, images: Float[Tensor, "b 3 _ _"], places: Sequence[str] = ()) -> TeacherPass:
        """Runs the teacher once and returns its logits and the maps at these places."""
        if not isinstance(self.network, Network):
            logits = self(images)
            return TeacherPass(logits, dict.fromkeys(places, logits))
        found = forward_with_taps(self.network, images, places)
        logits = self._of_shared(found.prediction.logits)
        maps = {place: logits if place == "logits" else each for place, each in found.maps.items()}
        return TeacherPass(logits, maps, found.embedding.trunk)

    def measure(self, places: Sequence[str]) -> Mapping[str, TapShape]:
        """Returns the shapes of the maps at these places.

        Raises:
            ValueError: a place does not exist or gives no map; of a network of transformers only the logits are tapped.
        """
        if not isinstance(self.network, Network):
            if other := [place for place in places if place != "logits"]:
                kind = "a group of teachers" if self.group is not None else "a segmenter of transformers"
                raise ValueError(
                    f"there is nothing to tap at {other[0]!r}: {kind} gives its logits alone; "
                    "set teacher_tap=logits, or give the term a teacher of features, such as "
                    "teacher=hf:facebook/dinov2-small"
                )
            if isinstance(self.network, TeacherGroup):
                return dict.fromkeys(places, self.network.shape())
            m = len(self.network.class_names) if self.shared is None else len(self.shared.labels)
            return dict.fromkeys(places, TapShape(m, 4))
        found = measure_taps(self.network, places)
        if self.shared is not None and "logits" in found:
            found["logits"] = TapShape(len(self.shared.labels), found["logits"].stride)
        return found

    def follow(self, student: Network, step: int) -> None:
        """Updates an average after the student's `step`-th step, counted from 1; other teachers stay as they are."""
        if isinstance(self.source, EMA):
            self.source.update(student, step)

    def names_of(self, names: Sequence[str]) -> list[str]:
        """Returns those of the data's class names that its logits are of, in their order."""
        return list(names) if self.shared is None else [names[label] for label in self.shared.labels]

    @property
    def group(self) -> TeacherGroup | None:
        """The teachers that it consists of, if they are several."""
        return self.source if isinstance(self.source, TeacherGroup) else None

    @property
    def is_average(self) -> bool:
        """True if it is the average of the student."""
        return isinstance(self.source, EMA)

    def notes(self) -> list[str]:
        """Returns lines about a teacher of other origin or classes, to print before training."""
        if isinstance(self.network, TeacherGroup):
            return self.network.notes()
        lines = []
        if not isinstance(self.network, Network):
            from seglet.models.backbones.published import hub_licence

            licence = hub_licence(self.name.removeprefix(_HUB)) or "not known here; see its page or folder"
            count = f"{len(self.network.class_names)} classes"
            lines.append(f"teacher {self.name}: {self.network.kind} of {count}, {self.network.identity()}")
            lines.append(f"licence of the teacher's weights: {licence}")
        return lines if self.shared is None else [*lines, *self.shared.match.lines()]

    def _of_shared(self, logits: Tensor) -> Tensor:
        return logits if self.shared is None else self.shared.of_teacher(logits)


def teacher_sources(source: str) -> list[str]:
    """Returns the teachers that are named, separated by commas; one whose own name has a comma is one."""
    return [source] if Path(source).exists() else [each.strip() for each in source.split(",") if each.strip()]


def load_class_teacher(
    source: str, config: ClassTeacherConfig, classes: Classes, student: Network, rule: TeacherRule = "mean"
) -> ClassTeacher:
    """Loads the teacher that an experiment names: a saved segmenter, `hf:` and a model of transformers, or `ema`.

    Several segmenters or models, separated by commas, are joined by `rule`.

    Raises:
        ValueError: it is not available or no segmenter, or its classes do not fit; see `match_teacher_classes`. One of
            several is `ema` or lacks classes.
    """
    sources = teacher_sources(source)
    if len(sources) > 1:
        if AVERAGE in sources:
            raise ConfigError("teacher: `ema` cannot be one of several teachers; leave it out, or take it alone")
        members = [load_class_teacher(each, config, classes, student) for each in sources]
        for member in members:
            if member.shared is not None and len(member.shared.labels) < len(classes):
                lacking = [name for name in classes.names if name not in member.names_of(classes.names)]
                raise ConfigError(
                    f"teacher: each of several needs all classes, but {member.name} lacks {', '.join(lacking)}; "
                    "map them with teacher_classes, or take the other teachers alone"
                )
        return ClassTeacher(TeacherGroup(members, len(classes), rule), name=source)
    if source == AVERAGE:
        if config.teacher_classes is not None:
            raise ConfigError("teacher_classes: the teacher `ema` has the student's classes; leave the file out")
        return ClassTeacher(EMA(student, config.ema_momentum), name=source)
    given = {} if config.teacher_classes is None else read_class_mapping(config.teacher_classes)
    network: Any
    if source.startswith(_HUB):
        from seglet.models.foundation.pretrained_segmenter import PretrainedSegmenter

        network = PretrainedSegmenter.load(source)
        names = network.class_names
    else:
        segmenter = load(source)
        network, names = segmenter.network, segmenter.classes.names
    if names == classes.names and not given:
        return ClassTeacher(Frozen(network), name=source)
    match = match_teacher_classes(classes, names, given)
    return ClassTeacher(Frozen(network), None if match.same else SharedClasses(match), source)
