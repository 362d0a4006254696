"""Texts about the terms: their options, their cost, and the cause of a loss that is not finite."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

import torch
from torch import Tensor

from seglet.methods.distill.tapped_term import TappedTerm
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.base import FeaturePair, TermOptions
from seglet.types import Labelled
from seglet.values import option_help


def key_guide() -> str:
    """Returns a list of all terms with a line on each, and their options with defaults."""
    lines = ["options of every term:", *_options(TermOptions, [])]
    for name, kind in TERMS.items():
        lines += [f"{name}: {(kind.__doc__ or '').partition(chr(10))[0]}", *_options(kind.options, fields(TermOptions))]
    return "\n".join(["terms, and their options:", *lines])


def _options(kind: type[TermOptions], known: Iterable[Field[Any]]) -> Iterator[str]:
    """Yields a line for each option of `kind` whose default differs from the known one."""
    defaults = {field.name: field.default for field in known}
    for field in fields(kind):
        if field.name not in defaults or defaults[field.name] != field.default:
            yield f"    {field.name}={_shown(field.default)}  {option_help(field)}"


def _shown(default: object) -> str:
    if isinstance(default, bool) or default is None:
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def describe_term(tapped: TappedTerm, size: tuple[int, int], batch: int) -> str:
    """Returns a line on the term: weight, taps, channels, adaptor, and memory where it is large."""
    spec, shape = tapped.spec, tapped.shape
    here, there = spec.places
    whose = spec.options.teacher or "the teacher"
    places = here if here == there else f"{here} of the student, {there} of {whose}"
    channels = f"{shape.student} → {shape.teacher} channels"
    parts = [f"term {spec.name}: weight {spec.options.weight:g} at {places}", channels]
    if tapped.adaptor is not None:
        parts.append("1x1 adaptor")
    memory = tapped.term.memory_bytes(batch, shape.size(size))
    if memory is not None:
        height, width = shape.size(size)
        parts.append(f"about {memory / 2**20:,.0f} MiB for {batch} maps of {height}x{width}")
    return ", ".join(parts)


def diagnose_non_finite(
    step: Labelled,
    terms: Sequence[TappedTerm],
    maps: Mapping[str, Tensor],
    pairs: Sequence[FeaturePair],
) -> list[str]:
    """Returns which samples made a loss NaN or infinite, and why: the image, a map of a network, or a term of it alone.

    `maps` are those of student and teachers by place and network. Only the first cause found is reported. In training,
    batch normalisation spreads values that are not finite over all samples, which are then named together.
    """
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
    return alone or ["no sample alone makes a term infinite"]


def _alone(terms: Sequence[TappedTerm], pairs: Sequence[FeaturePair], index: int) -> Iterator[tuple[str, Tensor]]:
    """Yields each part of each term for one sample, except for terms that need several samples."""
    one = slice(index, index + 1)
    for term, pair in zip(terms, pairs, strict=True):
        with contextlib.suppress(ValueError):
            parts = term(pair[one])
            yield from ((name, part.value) for name, part in parts.items())
