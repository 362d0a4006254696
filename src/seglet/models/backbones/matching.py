"""Weights of a file brought to the names of a backbone, with nothing missing and nothing left over unnoticed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

_SHOWN = 4
"""Number of parts that a report names."""


@dataclass(frozen=True)
class MatchedWeights:
    """Tensors by our names, and the names in the file that have no place in a backbone: those of the classifier."""

    weights: dict[str, Tensor]
    unused: tuple[str, ...]

    def summary(self) -> str:
        """Returns the report in one line: how many tensors were taken, and the parts of the file that were not."""
        parts = sorted({name.removesuffix(".weight").removesuffix(".bias") for name in self.unused})
        more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
        return f"{len(self.weights)} tensors" + (f"; not used: {', '.join(parts[:_SHOWN])}{more}" if parts else "")


def match_weights(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    names: Mapping[str, str],
    spare: Sequence[str],
    source: str | Path,
) -> MatchedWeights:
    """Matches the tensors of a file with those of a network.

    Args:
        own: tensors of the network by our names.
        given: tensors of the file.
        names: our name of each tensor that the file should have, and the file's.
        spare: prefixes of names in the file that may be left over, such as those of its classifier.
        source: what messages call the file.

    Raises:
        ValueError: a tensor is missing, has another shape, or belongs to no known layer.
    """
    missing = sorted(theirs for theirs in names.values() if theirs not in given)
    if missing:
        raise ValueError(f"{source} lacks {len(missing)} tensors of this network, such as {missing[0]!r}")
    wrong = [(ours, theirs) for ours, theirs in names.items() if given[theirs].shape != own[ours].shape]
    if wrong:
        ours, theirs = wrong[0]
        raise ValueError(
            f"{source} holds another network: {theirs!r} has the shape {tuple(given[theirs].shape)} in place of "
            f"{tuple(own[ours].shape)}"
        )
    unused = tuple(sorted(given.keys() - set(names.values())))
    strange = [name for name in unused if not name.startswith(tuple(spare))]
    if strange:
        raise ValueError(
            f"{source} holds {len(strange)} tensors of layers that this network does not have, such as {strange[0]!r}"
        )
    return MatchedWeights({ours: given[theirs] for ours, theirs in names.items()}, unused)
