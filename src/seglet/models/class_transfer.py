"""Weights of a saved segmenter for a student with other classes: each class keeps the rows of its name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seglet.models.assembly import assemble_network
from seglet.models.class_names import NAME_RULES, same_meaning, same_spelling
from seglet.models.segmenter import Segmenter

_SHOWN = 8
"""Names that a note lists before it counts the rest."""


@dataclass(frozen=True)
class ClassTransfer:
    """Names of the student's classes whose rows were kept or start from chance, and of the source's that it lacks."""

    kept: tuple[str, ...]
    new: tuple[str, ...]
    left_out: tuple[str, ...]

    @classmethod
    def between(cls, names: Sequence[str], source: Sequence[str]) -> "ClassTransfer":
        """Returns what becomes of the classes of a source for a student with these names."""
        matches = match_classes(names, source)
        kept = tuple(_with_synonym(names[label], source[other]) for label, other in sorted(matches.items()))
        new = tuple(name for label, name in enumerate(names) if label not in matches)
        return cls(kept, new, tuple(name for label, name in enumerate(source) if label not in matches.values()))

    def note(self) -> str:
        """Returns the line that a run begins with."""
        shown = f" ({_some(self.kept)})" if self.kept else ""
        parts = [f"classifier: kept the weights of {len(self.kept)} of {len(self.kept) + len(self.new)} classes{shown}"]
        parts += [f"new, from chance: {_some(self.new)}"] if self.new else []
        parts += [f"left out: {_some(self.left_out)}"] if self.left_out else []
        return "; ".join(parts)


def _with_synonym(name: str, source: str) -> str:
    """Returns the name, and the source's if only their meaning is the same."""
    synonym = same_meaning(name, source) and not same_spelling(name, source)
    return f"{name} from {source}" if synonym else name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def match_classes(names: Sequence[str], source: Sequence[str]) -> dict[int, int]:
    """Maps labels of `names` to the labels of the same classes in `source`.

    The rules of `class_names` are tried in turn on the names that are left; one that fits several names decides none
    of them.
    """
    found: dict[int, int] = {}
    for fits in NAME_RULES:
        left = [label for label in range(len(names)) if label not in found]
        free = [label for label in range(len(source)) if label not in found.values()]
        pairs = [(label, other) for label in left for other in free if fits(names[label], source[other])]
        labels, others = Counter(label for label, _ in pairs), Counter(other for _, other in pairs)
        found |= {label: other for label, other in pairs if labels[label] == others[other] == 1}
    return found


def copy_matching_weights(student: Segmenter, start: Segmenter) -> str | None:
    """Copies into `student` the weights of `start` that exist in both in the same shape; of another head, none.

    Where the classes differ, the rows of classifiers move by the names of the classes, and rows of other classes stay
    as they are. Returns a line that says what was left out, or None where nothing was.
    """
    mine, theirs = student.network.state_dict(), start.network.state_dict()
    note = None
    if student.architecture.name != start.architecture.name:
        theirs = {name: tensor for name, tensor in theirs.items() if name.startswith("backbone.")}
        note = f"the head starts from chance: these weights are of a {start.architecture.head} head"
    elif student.classes.names != start.classes.names:
        theirs |= _moved_rows(student, start)
        note = ClassTransfer.between(student.classes.names, start.classes.names).note()
    shared = [name for name in theirs if name in mine and mine[name].shape == theirs[name].shape]
    student.network.load_state_dict({**mine, **{name: theirs[name] for name in shared}})
    return note


def _moved_rows(student: Segmenter, start: Segmenter) -> dict[str, Tensor]:
    """Returns the student's tensors with a row for each class, with the start's rows of the same classes in them."""
    mine, theirs = student.network.state_dict(), start.network.state_dict()
    matches = match_classes(student.classes.names, start.classes.names)
    moved = {}
    for name, first in classifier_rows(student).items():
        if name not in theirs or theirs[name].shape[1:] != mine[name].shape[1:]:
            continue
        moved[name] = mine[name].clone()
        for label, other in matches.items():
            if min(label, other) >= first:
                moved[name][label - first] = theirs[name][other - first]
    return moved


def classifier_rows(segmenter: Segmenter) -> Mapping[str, int]:
    """Maps names of tensors that have a row for each class to the label of the first row: 1 if the background has none.

    They are found by a network with one class more, whose tensors are one row longer there.
    """
    count = len(segmenter.classes)
    with torch.device("meta"):
        larger = assemble_network(segmenter.architecture, count + 1).state_dict()
    own = segmenter.network.state_dict()
    grown = [name for name, tensor in own.items() if tensor.ndim and larger[name].shape[0] == tensor.shape[0] + 1]
    return {name: count - own[name].shape[0] for name in grown}
