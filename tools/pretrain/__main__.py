"""`python -m tools.pretrain`: trains the tiny foundation models of the embedded world from scratch."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from seglet.cli.parsing import scale_factor
from seglet.engine.output_folder import check_writable
from tools.pretrain.session import PretrainingSession
from tools.pretrain.stages import STAGES

_SMOKE_FACTOR = 1e-9
"""Factor on all numbers of steps in a smoke test, which leaves one step in each phase."""


def main(words: Sequence[str] | None = None) -> int:
    """Trains the models that the words of the command line ask for, and returns an exit code.

    Raises:
        ValueError: a package is missing, the folder cannot be written or holds other trainings.
    """
    arguments = _parser().parse_args(words)
    _check_packages()
    check_writable(arguments.out / "training.log")
    factor = _SMOKE_FACTOR if arguments.smoke else arguments.steps_scale
    session = PretrainingSession(arguments.out, factor, arguments.smoke)
    for name, make in STAGES.items():
        if name in arguments.only:
            make(session)
    print(f"models are in {session.models}, each with a README.md that says what it scores")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m tools.pretrain",
        description=__doc__.partition(": ")[2],
        epilog="After an interruption, even by kill -9, the same command continues with identical results.",
    )
    names = tuple(STAGES)
    parser.add_argument("--out", type=Path, default=Path("runs/world"), help="folder of scenes, trainings and models")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="MODEL", help=", ".join(names))
    parser.add_argument("--steps-scale", type=scale_factor, default=1.0, help="factor on all numbers of steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a few scenes, to test that it runs")
    return parser


def _check_packages() -> None:
    """Checks that the packages of the extra `hub` are installed.

    Raises:
        ValueError: transformers or diffusers is missing.
    """
    if missing := [name for name in ("transformers", "diffusers") if importlib.util.find_spec(name) is None]:
        raise ValueError(f"{' and '.join(missing)} are not installed; run `pip install seglet[hub]`")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
