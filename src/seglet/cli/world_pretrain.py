"""`seglet world pretrain`: trains the tiny foundation models of the embedded world."""

import argparse
from pathlib import Path

from seglet.cli import diagnosis
from seglet.cli.output import check_writable
from seglet.cli.parsing import scale

_MODELS = ("clip", "vae", "depth", "captioner", "backbones", "stable-diffusion")
_SMOKE_FACTOR = 1e-9
"""Factor on the numbers of steps that leaves one step in each phase."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "After an interruption, even by kill -9, the same command goes on with bit-identical results."
    parser.add_argument(
        "--out", type=Path, default=Path("runs/world"), help="folder of scenes, training states and models (runs/world)"
    )
    parser.add_argument("--only", nargs="+", choices=_MODELS, default=_MODELS, metavar="MODEL", help=", ".join(_MODELS))
    parser.add_argument("--steps-scale", type=scale, default=1.0, help="factor on all numbers of steps")
    parser.add_argument("--smoke", action="store_true", help="run a few steps on a few scenes, as a test")


def run(arguments: argparse.Namespace) -> int:
    _check_packages()
    check_writable(arguments.out / "training.log")
    from tools.pretrain.stages import STAGES
    from tools.pretrain.workshop import Workshop

    factor = _SMOKE_FACTOR if arguments.smoke else arguments.steps_scale
    workshop = Workshop(arguments.out, factor, arguments.smoke)
    for name in _MODELS:
        if name in arguments.only:
            STAGES[name](workshop)
    print(f"models are in {arguments.out / 'models'}, each with its scores in a README.md")
    return 0


def _check_packages() -> None:
    """Checks that the packages that the models need are installed.

    Raises:
        ValueError: transformers or diffusers are not installed.
    """
    if missing := [name for name in ("transformers", "diffusers") if diagnosis.installed_version(name) is None]:
        raise ValueError(f"{' and '.join(missing)} are not installed; run `pip install seglet[hub]`")
