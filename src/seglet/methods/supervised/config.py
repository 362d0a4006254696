"""Configuration of supervised training."""

from dataclasses import dataclass

from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig


@dataclass(frozen=True)
class Config(TaskLossConfig, StudentConfig):
    """Keys of supervised training: the network, the losses and the weight of the auxiliary head's."""
