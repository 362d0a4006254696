"""A term at its place: fits the two maps to each other, then compares them."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from seglet.methods.distill.spec import Spec
from seglet.methods.distill.terms.base import Pair, Part, Shape
from seglet.models.distillation.adaptors import Adaptor
from seglet.models.distillation.feature_taps import TapShape, measure_taps
from seglet.models.network import Network
from seglet.tensors import resize_align_corners


class Tapped(nn.Module):
    """One term with its adaptor.

    Raises:
        ValueError: the term cannot compare maps of these channels.
    """

    def __init__(self, spec: Spec, shape: Shape) -> None:
        super().__init__()
        self.spec, self.shape = spec, shape
        self.adaptor = adaptor(spec, shape)
        self.term = spec.kind(spec.options, shape)

    def forward(self, pair: Pair) -> dict[str, Part]:
        """The term's parts under the names they are logged with; factors include the term's own.

        Raises:
            ValueError: the maps differ in size and `resize` is none; the term is named in whatever it refuses.
        """
        try:
            parts: Mapping[str, Part] = self.term(self._fit(pair))
        except ValueError as error:
            raise ValueError(f"term {self.spec.name}: {error}") from error
        name, weight = self.spec.name, self.spec.options.weight
        return {f"{name}-{part}" if part else name: Part(p.value, weight * p.weight) for part, p in parts.items()}

    def _fit(self, pair: Pair) -> Pair:
        student, teacher, way = pair.student, pair.teacher, self.spec.options.resize
        if student.shape[-2:] != teacher.shape[-2:]:
            if way == "none":
                sizes = f"{tuple(student.shape[-2:])} and {tuple(teacher.shape[-2:])}"
                raise ValueError(f"maps of {sizes} at {self.spec.places}; choose resize=teacher or resize=student")
            student = resize_align_corners(student, teacher.shape[-2:]) if way == "student" else student
            teacher = resize_align_corners(teacher, student.shape[-2:])
        if self.adaptor is not None:
            student = self.adaptor(student)
        weight = self._weight(pair.weight, student) if self.spec.weighable else None
        return Pair(student, teacher, pair.target, weight, pair.generator, pair.common)

    def _weight(self, weight: Tensor | None, like: Tensor) -> Tensor | None:
        """FOTF's weight at the size that is compared; one that is the same everywhere stays as it is."""
        if weight is None or weight.shape[-2:] == (1, 1):
            return weight
        return resize_align_corners(weight, like.shape[-2:])


def attach(specs: Sequence[Spec], student: Network, teacher: Network, classes: int) -> list[Tapped]:
    """Each term at its place in both networks.

    Raises:
        ValueError: a tap that is not there, or catches no map; a term that cannot compare what is caught.
    """
    try:
        own = measure_taps(student, [spec.places[0] for spec in specs])
    except ValueError as error:
        raise ValueError(f"terms: in the student {error}") from error
    try:
        taught = measure_taps(teacher, [spec.places[1] for spec in specs])
    except ValueError as error:
        raise ValueError(f"terms: in the teacher {error}") from error
    return [Tapped(spec, _shape(spec, own, taught, classes)) for spec in specs]


def _shape(spec: Spec, own: Mapping[str, TapShape], taught: Mapping[str, TapShape], classes: int) -> Shape:
    here, there = own[spec.places[0]], taught[spec.places[1]]
    followed = there if spec.options.resize == "student" else here
    return Shape(here.channels, there.channels, classes, followed.stride)


def adaptor(spec: Spec, shape: Shape) -> Adaptor | None:
    """What brings the student to the teacher's channels, if the term or the options want it."""
    wanted = spec.options.adaptor
    if wanted == "none" or (wanted == "auto" and not (spec.kind.equal_channels and shape.student != shape.teacher)):
        if spec.kind.equal_channels and shape.student != shape.teacher:
            raise ValueError(
                f"term {spec.name}: the student has {shape.student} channels at {spec.places[0]!r}, the teacher "
                f"{shape.teacher} at {spec.places[1]!r}; let an adaptor fit them (adaptor=auto)"
            )
        return None
    return Adaptor(shape.student, shape.teacher, bias=wanted == "bias")
