"""What is said of the terms: before training, and when one of them is no number."""

from collections.abc import Iterator, Sequence

import torch

from seglet.methods.distill.tapped import Tapped
from seglet.methods.distill.terms.base import Pair
from seglet.models.taps import Seen
from seglet.types import Target


def describe(tapped: Tapped, size: tuple[int, int], batch: int) -> str:
    """A line about the term: weight, places, channels, adaptor, and memory where it is worth a word."""
    spec, shape = tapped.spec, tapped.shape
    here, there = spec.places
    places = here if here == there else f"{here} of the student, {there} of the teacher"
    channels = f"{shape.student} → {shape.teacher} channels"
    parts = [f"term {spec.name}: weight {spec.options.weight:g} at {places}", channels]
    if tapped.adaptor is not None:
        parts.append("1x1 adaptor")
    memory = tapped.term.memory(batch, shape.size(size))
    if memory is not None:
        height, width = shape.size(size)
        parts.append(f"about {memory / 2**20:,.0f} MiB for {batch} maps of {height}x{width}")
    return ", ".join(parts)


def suspects(terms: Sequence[Tapped], both: tuple[Seen, Seen], pairs: Sequence[Pair], ids: Sequence[str]) -> list[str]:
    """Which samples are to blame: a map of student or teacher (`both`) is not finite, or a term of the sample alone."""
    lines = []
    for index, sample in enumerate(ids):
        reason = next(_reasons(terms, both, pairs, index), None)
        if reason is not None:
            lines.append(f"sample {sample!r}: {reason}")
    return lines or ["no sample makes a term infinite by itself"]


def _reasons(terms: Sequence[Tapped], both: tuple[Seen, Seen], pairs: Sequence[Pair], index: int) -> Iterator[str]:
    for whose, seen in zip(("student", "teacher"), both, strict=True):
        for place, maps in {"logits": seen.prediction.logits, **seen.maps}.items():
            if not torch.isfinite(maps[index]).all():
                yield f"{place} of the {whose} are not finite"
    for term, pair in zip(terms, pairs, strict=True):
        for name, part in _alone(term, pair, index):
            if not torch.isfinite(part):
                yield f"{name} is {part.item()}"


def _alone(term: Tapped, pair: Pair, index: int) -> Iterator[tuple[str, torch.Tensor]]:
    one = slice(index, index + 1)
    target = Target(pair.target.labels[one], pair.target.weight[one])
    weight = None if pair.weight is None else pair.weight[one]
    try:
        parts = term(Pair(pair.student[one], pair.teacher[one], target, weight, pair.generator, pair.common))
    except ValueError:  # a term that needs several images
        return
    for name, part in parts.items():
        yield name, part.value
