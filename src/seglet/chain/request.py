"""The request for a chain: a folder, its labels, and how long training may take."""

import importlib.util
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from seglet.files import content_hash, read_bytes
from seglet.models.onnx_segmenter import ONNX_SUFFIX
from seglet.types import Classes
from seglet.values import fold_spelling

LabelKind = Literal["masks", "few masks", "tags", "shapes"]
"""Labels that a chain learns from; shapes are points, lines and boxes."""
WAYS: dict[str, LabelKind] = {"masks": "masks", "few": "few masks", "tags": "tags", "points": "shapes"}
"""Values of `learn_from`."""
USUAL_MINUTES = 20.0


@dataclass(frozen=True)
class ChainRequest:
    """A folder of images, what is known about them, and what is to be made of it.

    Args:
        data: folder of images or of a whole data set, or its dataset.json.
        out: the ONNX file to write.
        work: folder of everything made on the way, and of the record that the chain is resumed from.
        names: names of the classes without the background; none: those of the data.
        tags: file or folder with the tags of the images, where they do not lie beside them.
        shapes: export of a labelling tool with points, lines or boxes.
        teacher: segmenter that the student learns from, beside masks.
        clip: CLIP by name, hub id or folder; tags then become masks by DiCLIP.
        groups: ImageNet classes of each class, as the method `imagenet` takes them.
        learn_from: a key of `WAYS`; none: masks, else a few, else shapes or tags.
        minutes: time of the whole chain on a processor, by which steps of training are chosen.
        steps: steps of the student's training in place of that choice.
        rounds: students in turn where labels come from tags; each learns from the one before.
        seed: seed of training.

    Raises:
        ValueError: a value is out of its range, or a package that the last command needs is not installed.
    """

    data: Path
    out: Path = Path("model.onnx")
    work: Path = Path("runs/auto")
    names: Sequence[str] = ()
    tags: Path | None = None
    shapes: Path | None = None
    teacher: str = ""
    clip: str = ""
    groups: str = ""
    learn_from: str = ""
    minutes: float = USUAL_MINUTES
    steps: int | None = None
    rounds: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.learn_from and self.learn_from not in WAYS:
            raise ValueError(f"learn from {', '.join(WAYS)}, not {self.learn_from!r}")
        if self.learn_from == "points" and self.shapes is None:
            raise ValueError("points, lines and boxes are read from the export of a labelling tool; give --points FILE")
        if not 0 < self.minutes < float("inf"):
            raise ValueError(f"training takes time: expected minutes above 0, got {self.minutes:g}")
        if (self.steps is not None and self.steps < 1) or self.rounds < 1:
            raise ValueError(f"expected at least one step and one round, got {self.steps} and {self.rounds}")
        if self.out.suffix != ONNX_SUFFIX:
            raise ValueError(f"the file to write ends in .onnx; got {str(self.out)!r}")
        _check_names(self.names)

    def check_installed(self) -> None:
        """Checks that the packages of the export are there, as it is the last command and hours may go before it.

        Raises:
            ValueError: one is not installed.
        """
        for package in ("onnx", "onnxscript", "onnxruntime"):
            if importlib.util.find_spec(package) is None:
                raise ValueError(f"the ONNX file needs {package}, which is not installed: pip install 'seglet[export]'")

    def as_dict(self) -> dict[str, Any]:
        """Returns the request as plain values, with hashes of the files of labels: what decides the results."""
        values = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        values |= {"names": list(self.names), "data": str(self.data.absolute()), "out": str(self.out.absolute())}
        files = {"tags_hash": self.tags, "shapes_hash": self.shapes}
        return values | {key: content_hash(read_bytes(file)) for key, file in files.items() if file and file.is_file()}


def _check_names(names: Sequence[str]) -> None:
    folded = [fold_spelling(name) for name in names]
    twice = next((name for place, name in enumerate(names) if folded[place] in folded[:place]), None)
    if twice is not None or not all(folded):
        raise ValueError(f"names of classes differ and are not empty; got {', '.join(map(repr, names))}")


def differing_names(names: Sequence[str], classes: Classes) -> list[str]:
    """Returns the names that only one of the two has: those asked for, and the classes but the background."""
    asked = {fold_spelling(name): name for name in names if fold_spelling(name) != "background"}
    there = {fold_spelling(name): name for name in classes.foreground.values()}
    return [(asked | there)[key] for key in sorted(asked.keys() ^ there.keys())]
