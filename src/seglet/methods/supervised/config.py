"""Configuration of supervised training."""

from dataclasses import dataclass

from seglet.models.student import StudentConfig


@dataclass(frozen=True)
class Config(StudentConfig):
    """Keys of supervised training: the network and the weight of its auxiliary loss."""
