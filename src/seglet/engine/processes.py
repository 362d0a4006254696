"""The processes that share a run: who started them, how many there are, and which one writes."""

import os
from dataclasses import replace

from seglet.engine.settings import Settings
from seglet.values import ConfigError


def started_by_torchrun() -> bool:
    """Returns True if torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_first_process() -> bool:
    """Returns True in the process that writes files and messages; launchers number the others in the environment."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


def node_count() -> int:
    """Returns the number of machines that share the run."""
    if not started_by_torchrun():
        return 1
    return int(os.environ.get("WORLD_SIZE", 1)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))


def with_launched_processes(settings: Settings) -> Settings:
    """Returns the settings with the number of processes that torchrun started, if it did.

    Raises:
        ConfigError: the batch cannot be divided among them.
    """
    if not started_by_torchrun():
        return settings
    world = int(os.environ["WORLD_SIZE"])
    if settings.batch % (world * settings.accumulate):
        raise ConfigError(
            f"batch {settings.batch} cannot be shared by {world} processes × {settings.accumulate} micro-batches"
        )
    return replace(settings, devices=world)
