"""What a supervised experiment can choose."""

from dataclasses import dataclass

from seglet.models.student import StudentConfig


@dataclass(frozen=True)
class Config(StudentConfig):
    """Nothing but the network and the weight of its auxiliary loss."""
