"""A term at its taps: brings the maps of student and teacher to one size, then compares them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from seglet.methods.distill.term_spec import TermSpec
from seglet.methods.distill.terms.base import FeaturePair, TermPart, TermShape
from seglet.models.distillation.adaptors import Adaptor
from seglet.models.distillation.class_teacher import ClassTeacher
from seglet.models.distillation.feature_taps import TapShape, measure_taps
from seglet.models.distillation.feature_teachers import FeatureTeachers
from seglet.models.network import Network
from seglet.tensors import resize_align_corners, resize_nearest


class TappedTerm(nn.Module):
    """A term with its taps and, if channels differ, its adaptor.

    Raises:
        ValueError: the term cannot compare maps of these channels.
    """

    def __init__(self, spec: TermSpec, shape: TermShape) -> None:
        super().__init__()
        self.spec, self.shape = spec, shape
        self.adaptor = build_adaptor(spec, shape)
        seen = shape
        if self.adaptor is not None and not spec.kind.equal_channels:  # its networks see adapted maps
            seen = replace(shape, student=shape.teacher)
        self.term = spec.kind(spec.options, seen)

    def forward(self, pair: FeaturePair) -> dict[str, TermPart]:
        """Computes the parts of the term by the names they are logged under; their factors include the term's weight.

        Raises:
            ValueError: the maps differ in size and `resize` is none, or the term refuses them.
        """
        try:
            parts: Mapping[str, TermPart] = self.term(self._fit(pair))
        except ValueError as error:
            raise ValueError(f"term {self.spec.name}: {error}") from error
        name, weight = self.spec.name, self.spec.options.weight
        return {f"{name}-{part}" if part else name: TermPart(p.value, weight * p.weight) for part, p in parts.items()}

    def _fit(self, pair: FeaturePair) -> FeaturePair:
        student, teacher, resize = pair.student, pair.teacher, self.spec.options.resize
        if student.shape[-2:] != teacher.shape[-2:]:
            if resize == "none":
                sizes = f"{tuple(student.shape[-2:])} and {tuple(teacher.shape[-2:])}"
                raise ValueError(f"maps of {sizes} at {self.spec.places}; choose resize=teacher or resize=student")
            student = resize_align_corners(student, teacher.shape[-2:]) if resize == "student" else student
            teacher = resize_align_corners(teacher, student.shape[-2:])
        if self.adaptor is not None:
            student = self.adaptor(student)
        weight = self._weight(pair.weight, student) if self.spec.weighable else None
        known = pair.known
        if known is not None:
            known = resize_nearest(known[:, None].float(), student.shape[-2:])[:, 0] > 0
            if not self.spec.kind.leaves_out:
                student = torch.where(known[:, None], student, teacher.to(student))
        return FeaturePair(student, teacher, pair.target, weight, pair.generator, pair.common, known, pair.places)

    def _weight(self, weight: Tensor | None, like: Tensor) -> Tensor | None:
        """Returns FOTF's weight at the size of the compared maps; a constant weight stays as it is."""
        if weight is None or weight.shape[-2:] == (1, 1):
            return weight
        return resize_align_corners(weight, like.shape[-2:])


def attach_terms(
    specs: Sequence[TermSpec], student: Network, teacher: ClassTeacher | None, encoders: FeatureTeachers, classes: int
) -> list[TappedTerm]:
    """Attaches each term to its taps in both networks.

    Raises:
        ValueError: a tap does not exist or gives no map, or a term cannot compare the two maps.
    """
    try:
        students = measure_taps(student, [spec.places[0] for spec in specs])
    except ValueError as error:
        raise ValueError(f"terms: in the student {error}") from error
    places = [spec.places[1] for spec in specs if spec.encoder_place is None]
    try:
        teachers = {} if teacher is None or not places else teacher.measure(places)
    except ValueError as error:
        raise ValueError(f"terms: in the teacher {error}") from error
    others = encoders.measure([spec.encoder_place for spec in specs if spec.encoder_place is not None])
    taught = [others[spec.encoder_place] if spec.encoder_place else teachers[spec.places[1]] for spec in specs]
    return [
        TappedTerm(spec, _shape(spec, students[spec.places[0]], shape, classes))
        for spec, shape in zip(specs, taught, strict=True)
    ]


def _shape(spec: TermSpec, student: TapShape, teacher: TapShape, classes: int) -> TermShape:
    # between logits, of the shared classes
    followed = teacher if spec.options.resize == "student" else student
    return TermShape(
        teacher.channels if spec.at_logits else student.channels, teacher.channels, classes, followed.stride
    )


def build_adaptor(spec: TermSpec, shape: TermShape) -> Adaptor | None:
    """Builds the convolution from student to teacher channels, or returns None if the term needs none.

    Raises:
        ValueError: channels differ and the options forbid an adaptor.
    """
    wanted = spec.options.adaptor
    if wanted == "none" or (wanted == "auto" and not (spec.kind.equal_channels and shape.student != shape.teacher)):
        if spec.kind.equal_channels and shape.student != shape.teacher:
            raise ValueError(
                f"term {spec.name}: the student has {shape.student} channels at {spec.places[0]!r}, the teacher "
                f"{shape.teacher} at {spec.places[1]!r}; use an adaptor (adaptor=auto)"
            )
        return None
    return Adaptor(shape.student, shape.teacher, bias=wanted == "bias")
