from dataclasses import dataclass

from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(StudentConfig):
    """What an experiment of the tests can choose."""

    bins: int = option(4, "of the histogram")
    weights: str = option("exact", "stands for the revision of a network")
    depth: bool = option(True, "whether the method reads the depth")
    break_on: str = option("", "id of the image that cannot be computed")
