"""`seglet train`: one experiment file in, a trained Segmenter in a run's folder out."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seglet.engine.settings import Settings

WORLD_SIZE = 64
"""What `seglet evaluate` takes without --world-size."""

DESCRIPTION = """\
Train a segmenter as an experiment file says. Any key of the experiment can be given on the command line:
  seglet train configs/fotf/world.yaml --kappa 5 --crop 64 64 --steps 500
A method's name in place of a file takes that method's defaults. `--keys` lists every key with its meaning,
`--dry-run` shows every value that would be used and where it comes from, and what the run would cost."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "config", nargs="?", help="experiment file (YAML), FILE#ROW or a method's name; not with --resume"
    )
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/METHOD-FILE, with the row behind it)")
    parser.add_argument("--resume", action="store_true", help="go on exactly where the run in --out was interrupted")
    parser.add_argument("--overwrite", action="store_true", help="throw away the run that is in --out")
    parser.add_argument("--force", action="store_true", help="resume although the experiment has changed")
    parser.add_argument("--dry-run", action="store_true", help="print what would run, and its cost, and stop")
    parser.add_argument("--keys", action="store_true", help="list the keys of the experiment and stop")


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.engine.experiment import resolve_experiment

    overrides = parse_overrides(rest)
    file, method = locate(arguments)
    experiment = resolve_experiment(file, {**({"method": method} if method else {}), **overrides})
    if arguments.keys:
        print(describe_keys(experiment.method))
        return 0
    if arguments.dry_run:
        from seglet.engine.plan import plan_run

        print(plan_run(experiment).text())
        return 0
    from seglet.engine.datasets import data_config
    from seglet.engine.train import StartOptions, train_experiment

    folder = arguments.out or Path("runs") / default_name(experiment.method, file)
    finished = train_experiment(
        experiment, folder, StartOptions(arguments.resume, arguments.overwrite, arguments.force)
    )
    if int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0:
        print(f"the best segmenter is in {finished.model}, the last in {finished.last}, scores in {finished.metrics}")
        scored = data_config(experiment.config).evaluation_data(experiment.settings.data)
        print("\n".join(hints(finished.model, experiment.settings, scored)))
    return 0


def default_name(method: str, file: Path | None) -> str:
    """Returns the name of a run's folder: method, file and row, with the folder between them if there is one.

    `configs/distill/voc.yaml#pspnet-cwd` and `configs/distill/voc/pspnet-cwd.yaml` name the same folder.
    """
    from seglet.engine.experiment_file import split_row

    if file is None:
        return f"{method}-default"
    path, row = split_row(file)
    between = [path.parent.name] if path.parent.parent.name == method else []
    return "-".join([method, *between, path.stem, *([row] if row else [])])


def hints(model: Path, settings: "Settings", data: str | None = None) -> list[str]:
    """Returns commands that use the segmenter on images of the size it was trained on; `data`: to score on."""
    resize = f" --resize {settings.resize:g}" if settings.resize != 1 else ""
    embedded = settings.data.partition(":")[0] == "world"
    size = f" --world-size {settings.world_size}" if embedded and settings.world_size != WORLD_SIZE else ""
    scored = "" if embedded else resize
    return [
        f"next: seglet evaluate {model} --data {data or settings.data} --split {settings.val_split}{size}{scored}",
        f"      seglet predict {model} IMAGES --out predictions{resize}",
    ]


def locate(arguments: argparse.Namespace) -> tuple[Path | None, str | None]:
    """Returns the experiment's file, with its row behind `#` if one is named, or the name of a method."""
    from seglet.engine.experiment_file import names_experiment_file

    if arguments.config is None:
        if arguments.resume and arguments.out:
            return arguments.out / "experiment.yaml", None
        raise ValueError("which experiment? give a YAML file or a method's name, or --resume with --out RUN")
    if names_experiment_file(arguments.config) or Path(arguments.config).exists():
        return Path(arguments.config), None
    return None, arguments.config


def parse_overrides(rest: list[str]) -> dict[str, Any]:
    """`--key value`, `--key=value`, `--crop 64 64`; a key without a value means true.

    Raises:
        ValueError: a word that belongs to no key.
    """
    overrides: dict[str, Any] = {}
    key = None
    for word in rest:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            key = name.replace("-", "_")
            overrides[key] = [value] if value else []
        elif key is None:
            raise ValueError(f"did not expect {word!r}; keys of the experiment are given as --key value")
        else:
            overrides[key].append(word)
    return {key: {0: "true", 1: words[0] if words else ""}.get(len(words), words) for key, words in overrides.items()}


def describe_keys(method: str) -> str:
    """Every key with its type, default and meaning: the method's own first."""
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
        hints = get_type_hints(kind)
        lines.append(f"{title}:")
        for f in fields(kind):
            default = "" if f.default is MISSING else f" = {f.default}"
            lines.append(f"  --{f.name}{default}  ({describe_type(hints[f.name])})\n        {option_help(f)}")
    kind = methods.load_method(method).Method
    return "\n".join([*lines, kind.key_guide()] if isinstance(kind, KeyGuide) else lines)
