"""`seglet enhance`: dark images made brighter, to look at or to segment."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet._version import __version__
from seglet.cli.output import print_result
from seglet.cli.parsing import add_device, add_json, whole_number

if TYPE_CHECKING:
    from seglet.data.enhance.by_name import Enhancer

RECORD = "enhanced.json"
METHODS = ("clahe", "equalise", "gamma", "retinex", "zero-dce")
DESCRIPTION = """\
Brighten dark images. Each goes to OUT/NAME.png, with the folders of the input kept:
  clahe      contrast-limited adaptive histogram equalisation
  equalise   histogram equalisation of the whole image
  gamma      the power that brings the mean to 45 %
  retinex    multi-scale Retinex with colour restoration
  zero-dce   a small network, trained with --train-on or --train-data on your own dark images, of which it needs no
             bright twins, and saved in OUT/zero-dce; or one that was saved before, with --model
enhanced.json says what became of each image. Those that are finished are not made again, so the same command goes on
after an interruption. All brighten noise as well: what an image does not show cannot be brought back."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGES", help="image, folder or list (.txt); none: only train"
    )
    parser.add_argument("--method", choices=METHODS, default="clahe", help="how (default clahe)")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT", help="folder for the results")
    parser.add_argument("--train-on", type=Path, metavar="DIR", help="zero-dce: folder of dark images to learn from")
    parser.add_argument("--train-data", metavar="DATA", help="the same: a data set, its split train, or world:dark=1")
    parser.add_argument("--steps", type=whole_number(1, 10**7), metavar="N", help="zero-dce: of training (default 500)")
    parser.add_argument("--seed", type=whole_number(0, 2**63 - 1), default=0, help="zero-dce: of training (default 0)")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="zero-dce: a saved network to take")
    parser.add_argument("--jobs", type=whole_number(1, 1024), metavar="N", help="processes (one for each processor)")
    parser.add_argument("--overwrite", action="store_true", help="make what is finished in OUT again")
    add_device(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    from functools import partial

    from seglet.engine.output_folder import check_output_folder
    from seglet.files import write_json
    from seglet.inference.batch import outcome_lines, process_all
    from seglet.inference.brighten import enhance_file, enhance_tasks
    from seglet.inference.parallel import processor_count

    check_options(arguments)
    out = arguments.out
    tasks = enhance_tasks(arguments.images, out) if arguments.images else []
    record: dict[str, Any] = {"seglet": __version__, "command": arguments.command_line}
    record |= {"settings": _settings(arguments), "finished": False}
    check_output_folder(out, RECORD, record, arguments.overwrite)
    write_json(out / RECORD, record)
    enhancer = _enhancer(arguments)
    work = partial(enhance_file, enhancer)
    outcomes = process_all("enhance", work, tasks, arguments.jobs or processor_count(), arguments.overwrite)
    failed = [{"file": outcome.name, "reason": outcome.reason} for outcome in outcomes if outcome.reason]
    done = [outcome.name for outcome in outcomes if not outcome.reason]
    record |= {"finished": True, "out": str(out), "files": done, "failed": failed}
    write_json(out / RECORD, record)
    print_result("\n".join([*outcome_lines("enhanced", outcomes), f"the images are in {out}"]), record, arguments.json)
    return 2 if failed else 0


def check_options(arguments: argparse.Namespace) -> None:
    """
    Raises:
        ValueError: options of zero-dce are given to another method, or it does not get its network from one place; or
            there is nothing to do.
    """
    sources = ("train_on", "train_data", "model")
    if arguments.method != "zero-dce":
        if given := [name for name in (*sources, "steps") if getattr(arguments, name) is not None]:
            raise ValueError(f"--{given[0].replace('_', '-')} is for --method zero-dce; give it, or leave this out")
    elif sum(getattr(arguments, name) is not None for name in sources) != 1:
        raise ValueError(
            "zero-dce needs dark images to learn from (--train-on DIR or --train-data DATA) or a saved network "
            "(--model), one of them"
        )
    if not arguments.images and (arguments.method != "zero-dce" or arguments.model is not None):
        raise ValueError("there is nothing to brighten; give images, folders or a list")
    if arguments.model is not None and arguments.steps is not None:
        raise ValueError("--steps are for training; give --train-on in place of --model, or leave them out")


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = {"images": [str(path.resolve()) for path in arguments.images]}
    settings["method"] = arguments.method
    if arguments.model is not None:
        settings["model"] = str(arguments.model.resolve())
    learnt = arguments.train_data if arguments.train_on is None else str(arguments.train_on.resolve())
    if learnt is not None:
        settings |= {"train_on": learnt, "steps": _steps(arguments), "seed": arguments.seed}
    return settings


def _steps(arguments: argparse.Namespace) -> int:
    return 500 if arguments.steps is None else int(arguments.steps)


def _enhancer(arguments: argparse.Namespace) -> "Enhancer":
    from seglet.data.enhance.by_name import ENHANCERS
    from seglet.inference.brighten import ZeroDCEEnhancer

    if arguments.method != "zero-dce":
        return ENHANCERS[arguments.method]
    from seglet.models.zero_dce import load_zero_dce

    return ZeroDCEEnhancer(load_zero_dce(arguments.model if arguments.model is not None else _trained(arguments)))


def _trained(arguments: argparse.Namespace) -> Path:
    """Where the network is that was trained; one of the same settings is not trained again."""
    from dataclasses import asdict

    from seglet.data.opening import open_dataset
    from seglet.inference.dataset_images import DatasetImages
    from seglet.inference.inputs import gather_images
    from seglet.inference.models import choose_device
    from seglet.inference.zero_dce_training import ZeroDCETraining, train_zero_dce
    from seglet.models.zero_dce import save_zero_dce

    folder: Path = arguments.out / "zero-dce"
    if not folder.is_dir() or arguments.overwrite:
        training = ZeroDCETraining(_steps(arguments), seed=arguments.seed)
        if arguments.train_data is None:
            images = gather_images([arguments.train_on], arguments.out)
        else:
            images = DatasetImages(arguments.train_data, open_dataset(arguments.train_data, "train")).images
        save_zero_dce(folder, train_zero_dce(images, training, choose_device(arguments.device)), asdict(training))
    return folder
