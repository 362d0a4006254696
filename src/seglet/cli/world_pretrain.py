"""`seglet world pretrain`: makes the tiny foundation models of the embedded world, from nothing."""

import argparse
from pathlib import Path

from seglet.cli import diagnosis
from seglet.cli.output import check_writable
from seglet.cli.parsing import scale

NAMES = ("clip", "vae", "depth", "captioner", "backbones", "stable-diffusion")
SMOKE = 1e-9
"""Of the steps of a smoke test: one in each phase."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Interrupted, even by kill -9, the same command goes on where it stood, to the bit."
    parser.add_argument("--out", type=Path, default=Path("runs/world"), help="where scenes, trainings and models go")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="MODEL", help=", ".join(NAMES))
    parser.add_argument("--steps-scale", type=scale, default=1.0, help="factor on all numbers of steps")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a few scenes, to see that it runs")


def run(arguments: argparse.Namespace) -> int:
    refuse_missing_packages()
    check_writable(arguments.out / "training.log")
    from tools.pretrain.stages import STAGES
    from tools.pretrain.workshop import Workshop

    factor = SMOKE if arguments.smoke else arguments.steps_scale
    shop = Workshop(arguments.out, factor, arguments.smoke)
    for name in NAMES:
        if name in arguments.only:
            STAGES[name](shop)
    print(f"models are in {arguments.out / 'models'}, each with a README.md that says what it scores")
    return 0


def refuse_missing_packages() -> None:
    """
    Raises:
        ValueError: transformers or diffusers are not installed.
    """
    if missing := [name for name in ("transformers", "diffusers") if diagnosis.installed(name) is None]:
        raise ValueError(f"{' and '.join(missing)} are not installed; run `pip install seglet[hub]`")
