"""Reading of an experiment's list of terms: names and checked options."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seglet.losses.uncertainty import DeviationMerging
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.base import Term, TermOptions
from seglet.values import read_term


@dataclass(frozen=True)
class TermSpec:
    """One term of a list; `name`, under which it is logged, is unique in the list."""

    name: str
    kind: type[Term]
    options: TermOptions

    @property
    def places(self) -> tuple[str, str]:
        """Taps of student and teacher."""
        there = self.options.tap if self.options.teacher is None else "last"
        return self.options.tap, self.options.teacher_tap or there

    @property
    def encoder_place(self) -> tuple[str, str] | None:
        """The encoder that the term learns from, and its tap; None if it learns from the experiment's teacher."""
        return None if self.options.teacher is None else (self.options.teacher, self.places[1])

    @property
    def weighable(self) -> bool:
        """True if FOTF's weights apply to the term."""
        weighting = self.kind.weighting if self.options.weighted else "none"
        return weighting in ("pixel", "any") or (weighting == "logits" and self.at_logits)

    @property
    def at_logits(self) -> bool:
        """True if the channels of both maps are classes."""
        return self.places == ("logits", "logits")

    def check_weights(self, weigh_kd: bool, merging: DeviationMerging) -> None:
        """Checks that FOTF's weights, with σ averaged by `merging`, can weight the term if it asks for them.

        Raises:
            ValueError: they cannot; says why, and what can be done.
        """
        if not self.options.weighted:
            return
        if self.kind.weighting == "none":
            raise ValueError(
                f"terms: {self.name}: weighted: expected false: {self.kind.unweighted_because}, so a weight of a pixel "
                "has no meaning; weight another term, or the task loss with weigh_task"
            )
        if not weigh_kd:
            if not self.kind.options().weighted:
                raise ValueError(f"terms: {self.name} is weighted, but weigh_kd is false; set it to true")
            return
        by_class = merging in ("logits", "channel", "class")
        if by_class and self.weighable and not (self.at_logits and self.kind.weighting in ("logits", "any")):
            why = "it compares the classes of a pixel with one another" if self.at_logits else "channels are no classes"
            raise ValueError(
                f"kd_merge: expected pixel or sample for the weighted term {self.name}, got {merging}, which gives "
                f"each class its own weight: {why}"
            )


def parse_terms(terms: Sequence[str]) -> tuple[TermSpec, ...]:
    """Reads terms as they are written in an experiment.

    Raises:
        ValueError: no term, a term or option that does not exist, or a value out of range; names the nearest.
    """
    if not terms:
        raise ValueError(f"terms: expected at least one of {', '.join(TERMS)}")
    read = [_read(term) for term in terms]
    kinds = Counter(kind for kind, _ in read)
    names = [kind if kinds[kind] == 1 else _long_name(kind, options) for kind, options in read]
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"terms: {twice!r} is listed more than once; give one of them another tap, or remove it")
    return tuple(TermSpec(name, TERMS[kind], options) for name, (kind, options) in zip(names, read, strict=True))


def active_terms(terms: Sequence[str]) -> tuple[TermSpec, ...]:
    """Reads terms as `parse_terms` does, and leaves out those that their weights turn off."""
    return tuple(spec for spec in parse_terms(terms) if not spec.options.off)


def _long_name(kind: str, options: TermOptions) -> str:
    parts = [kind, options.tap, *([] if options.teacher is None else [options.teacher.rpartition("/")[2]])]
    return "-".join(parts).replace(".", "_")


def _read(term: str) -> tuple[str, TermOptions]:
    return read_term(term, {name: kind.options for name, kind in TERMS.items()}, "terms")
