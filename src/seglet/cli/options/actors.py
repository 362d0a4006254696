"""The options of commands that can work by the actors of a Ray cluster."""

import argparse
from typing import TYPE_CHECKING

from seglet.cli.parsing import whole_number

if TYPE_CHECKING:
    from seglet.actors import ActorPool


def add_actor_options(parser: argparse.ArgumentParser, gpus: bool = True) -> None:
    """Adds the options --engine, --address, --actors and, for work that a GPU does, --gpus-per-actor."""
    group = parser.add_argument_group("cluster", "the actors of a Ray cluster do the work; see docs/cluster.md")
    group.add_argument(
        "--engine", choices=["local", "ray"], default="local", help="local: this machine (default); ray: extra `ray`"
    )
    group.add_argument(
        "--address", metavar="HOST:PORT", help="ray: the cluster, or auto (RAY_ADDRESS, else this machine alone)"
    )
    group.add_argument(
        "--actors", type=whole_number(1, 100_000), metavar="N", help="ray: actors (as many as there is room for)"
    )
    if gpus:
        group.add_argument(
            "--gpus-per-actor", type=_share, metavar="G", help="ray: GPUs of each, such as 1 or 0.5 (default 0)"
        )


def read_actor_pool(arguments: argparse.Namespace) -> "ActorPool | None":
    """Returns the actors that the options ask for; None for this process.

    Raises:
        ValueError: an option is for the other engine.
    """
    given = {name: getattr(arguments, name, None) for name in ("address", "actors", "gpus_per_actor")}
    if arguments.engine == "local":
        if other := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"--{other[0].replace('_', '-')} is for --engine ray; give it, or leave this out")
        return None
    if getattr(arguments, "device", "auto") != "auto":
        raise ValueError("the device is one of this machine; with Ray, give the GPUs of an actor")
    if getattr(arguments, "jobs", None) is not None:
        raise ValueError("jobs are processes of this machine; with Ray, give a number of actors")
    from seglet.actors import ActorPool

    return ActorPool(arguments.address, arguments.actors, given["gpus_per_actor"] or 0.0)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not (0 <= share <= 16 and (share <= 1 or share.is_integer())):
        raise argparse.ArgumentTypeError(f"expected 0 to 1, or a whole number up to 16, got {text!r}")
    return share
