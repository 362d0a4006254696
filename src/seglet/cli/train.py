"""`seglet train`: trains a segmenter from an experiment file, in the folder of a run."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seglet.engine.settings import Settings

_WORLD_SIZE = 64
"""Size of the world's scenes that `seglet evaluate` takes without --world-size."""

_DESCRIPTION = """\
Train a segmenter from an experiment file. Any key of the experiment can be given on the command line:
  seglet train configs/fotf/world.yaml --kappa 5 --crop 64 64 --steps 500
A method's name in place of a file takes that method's defaults. With --data DIR, supervised, fotf, distill and fixmatch
choose network, views, schedule and hardware for the images and this machine, around the keys that are given:
  seglet train supervised --data DIR
`--keys` lists every key with its meaning, `--dry-run` shows every value with its origin, and the cost of the run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "config", nargs="?", help="experiment file (YAML), FILE#ROW or a method's name; not with --resume"
    )
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/METHOD-FILE, with the row behind it)")
    parser.add_argument("--resume", action="store_true", help="resume the interrupted run in --out exactly")
    parser.add_argument(
        "--restartable",
        action="store_true",
        help="resume the run in --out if one has begun, else begin it: for torchrun and queues, which start it again",
    )
    parser.add_argument("--overwrite", action="store_true", help="delete the run that is in --out")
    parser.add_argument("--force", action="store_true", help="resume although the experiment has changed")
    parser.add_argument("--dry-run", action="store_true", help="print the experiment and its cost, and stop")
    parser.add_argument(
        "--save-config",
        type=Path,
        metavar="FILE",
        help="write the keys that were given or chosen as an experiment file",
    )
    parser.add_argument("--keys", action="store_true", help="list the keys of the experiment and stop")


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import read_experiment

    resumes = arguments.resume or (arguments.restartable and _has_begun(arguments))
    resumed = arguments.out if resumes else None
    experiment = read_experiment(arguments.config, rest, resumed, choose=not arguments.keys)
    if arguments.keys:
        print(key_table(experiment.method))
        return 0
    if arguments.save_config is not None:
        from seglet.engine.saved_config import save_config

        save_config(arguments.save_config, experiment)
    if arguments.dry_run:
        from seglet.engine.plan import plan_run

        print(plan_run(experiment).text())
        return 0
    from seglet.engine.datasets import data_config
    from seglet.engine.run import default_run_name
    from seglet.engine.train import StartOptions, train_experiment

    folder = arguments.out or Path("runs") / default_run_name(experiment.method, experiment.source)
    start = StartOptions(resumes, arguments.overwrite, arguments.force)
    finished = train_experiment(experiment, folder, start)
    if int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0:
        print(f"the best segmenter is in {finished.model}, the last in {finished.last}, scores in {finished.metrics}")
        scored = data_config(experiment.config).evaluation_data(experiment.settings.data)
        print("\n".join(next_commands(finished.model, experiment.settings, scored)))
    return 0


def _has_begun(arguments: argparse.Namespace) -> bool:
    """Returns whether there is a run in --out.

    Raises:
        ValueError: --out is missing, or is to be overwritten, which a second start would do again.
    """
    if arguments.out is None or arguments.overwrite:
        raise ValueError("--restartable goes on in the folder that --out names, without --overwrite")
    return Path(arguments.out, "experiment.yaml").exists()


def next_commands(model: Path, settings: "Settings", data: str | None = None) -> list[str]:
    """Returns commands that use the segmenter on images of the size it was trained on; `data`: to score on."""
    resize = f" --resize {settings.resize:g}" if settings.resize != 1 else ""
    embedded = settings.data.partition(":")[0] == "world"
    size = f" --world-size {settings.world_size}" if embedded and settings.world_size != _WORLD_SIZE else ""
    scored = "" if embedded else resize
    sides = {"window": settings.val_window, "stride": settings.val_stride}
    windows = "".join(f" --{name} {side[0]} {side[1]}" for name, side in sides.items() if side)
    split = f"--split {settings.val_split}{size}{scored}{windows}"
    return [
        f"next: seglet evaluate {model} --data {data or settings.data} {split}",
        f"      seglet predict {model} IMAGES --out predictions{resize}{windows}",
    ]


def key_table(method: str) -> str:
    """Returns every key with its type, default and meaning, the method's own first."""
    from dataclasses import MISSING, fields
    from typing import get_type_hints

    from seglet import methods
    from seglet.engine.settings import Settings
    from seglet.methods.protocols import KeyGuide
    from seglet.values import describe_type, option_help

    lines = []
    for title, kind in (
        (f"keys of {method}", methods.load_method(method).Config),
        ("keys of every experiment", Settings),
    ):
        types = get_type_hints(kind)
        lines.append(f"{title}:")
        for f in fields(kind):
            default = "" if f.default is MISSING else f" = {f.default}"
            lines.append(f"  --{f.name}{default}  ({describe_type(types[f.name])})\n        {option_help(f)}")
    kind = methods.load_method(method).Method
    return "\n".join([*lines, kind.key_guide()] if isinstance(kind, KeyGuide) else lines)
