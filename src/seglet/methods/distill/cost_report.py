"""What is said of the terms: before training, and when one of them is no number."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, fields
from typing import Any

import torch
from torch import Tensor

from seglet.methods.distill.tapped import Tapped
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.base import Options, Pair
from seglet.models.distillation.feature_taps import TappedOutput
from seglet.types import Labelled
from seglet.values import option_help


def key_guide() -> str:
    """All terms with their purpose in a line, and options with defaults; those of every term once."""
    lines = ["options of every term:", *_options(Options, [])]
    for name, kind in TERMS.items():
        lines += [f"{name}: {(kind.__doc__ or '').partition(chr(10))[0]}", *_options(kind.options, fields(Options))]
    return "\n".join(["terms, and their options:", *lines])


def _options(kind: type[Options], known: Iterable[Field[Any]]) -> Iterator[str]:
    """The options of `kind` whose default is not that of a known one."""
    defaults = {field.name: field.default for field in known}
    for field in fields(kind):
        if field.name not in defaults or defaults[field.name] != field.default:
            yield f"    {field.name}={_shown(field.default)}  {option_help(field)}"


def _shown(default: object) -> str:
    if isinstance(default, bool) or default is None:
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


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


def diagnose_non_finite(
    step: Labelled, terms: Sequence[Tapped], both: tuple[TappedOutput, TappedOutput], pairs: Sequence[Pair]
) -> list[str]:
    """Which samples are to blame, and why: the image, a map of student or teacher (`both`), or a term of it alone.

    Only the first of these reasons that anything has is given. In training batch normalisation spreads what is not
    finite over all samples, which are then blamed together.
    """
    maps = {
        f"{place} of the {whose}": found
        for whose, seen in zip(("student", "teacher"), both, strict=True)
        for place, found in {"logits": seen.prediction.logits, **seen.maps}.items()
    }
    causes = {"its image is not finite": step.images} | {f"{name} are not finite": m for name, m in maps.items()}
    for reason, tensor in causes.items():
        finite = torch.isfinite(tensor).flatten(1).all(dim=1).tolist()
        if not any(finite) and len(finite) > 1:
            return [f"all samples: {reason}"]
        if not all(finite):
            return [f"sample {name!r}: {reason}" for name, good in zip(step.ids, finite, strict=True) if not good]
    alone = [
        f"sample {name!r}: {part} is {value.item()}"
        for index, name in enumerate(step.ids)
        for part, value in _alone(terms, pairs, index)
        if not torch.isfinite(value)
    ]
    return alone or ["no sample makes a term infinite by itself"]


def _alone(terms: Sequence[Tapped], pairs: Sequence[Pair], index: int) -> Iterator[tuple[str, Tensor]]:
    """Each part of each term for one sample, except of terms that need several."""
    one = slice(index, index + 1)
    for term, pair in zip(terms, pairs, strict=True):
        with contextlib.suppress(ValueError):
            parts = term(pair[one])
            yield from ((name, part.value) for name, part in parts.items())
