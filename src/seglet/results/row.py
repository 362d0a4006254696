"""What a row of a results table is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWN = ("model_of", "labels_of", "labels", "look", "known_tags", "supervision", "world", "maps", "needs",
       "zero_dce")  # fmt: skip
"""Keys of a row that are none of its experiment."""


@dataclass(frozen=True)
class Recipe:
    """An experiment, or the model of another row; and how it is scored."""

    experiment: Mapping[str, Any]
    """Keys of the experiment; `teacher` may be `@row`."""
    model_of: str | None = None
    """The row whose model is scored another way; nothing is trained."""
    labels_of: str | None = None
    """The row whose model labels the images that this one is trained on, knowing their tags."""
    labels: tuple[str, ...] = ()
    """Words for `seglet predict --pseudo-labels`."""
    look: tuple[str, ...] = ()
    """Words for `seglet evaluate`."""
    known_tags: bool = False
    """Also score on the images it was trained on, with classes ruled out that their tags lack."""
    supervision: str = ""
    """What it learns from, for people."""
    world: str = ""
    """Options of the embedded world that it is scored on, beside its size: `dark=1`."""
    maps: bool = False
    """Score the masks that the method makes from tags: with `model_of` as that row has learned to, else untrained."""

    zero_dce: bool = False
    """Brighten what it is scored on by a Zero-DCE, which is trained on the images that the row learns from."""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> "Recipe":
        """From the JSON of a table."""
        return cls(
            {key: value for key, value in row.items() if key not in OWN},
            row.get("model_of"),
            row.get("labels_of"),
            tuple(row.get("labels", ())),
            tuple(row.get("look", ())),
            bool(row.get("known_tags")),
            row.get("supervision", ""),
            row.get("world", ""),
            bool(row.get("maps")),
            bool(row.get("zero_dce")),
        )

    @property
    def teacher(self) -> str | None:
        """The row whose model teaches this one, trained once for all seeds."""
        teacher = self.experiment.get("teacher")
        return teacher.removeprefix("@") if teacher else None

    @property
    def sources(self) -> list[str]:
        """The rows that must be finished before this one."""
        return [row for row in (self.teacher, self.model_of, self.labels_of) if row]
