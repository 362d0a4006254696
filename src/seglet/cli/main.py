"""`seglet COMMAND …`: finds the command, imports only its module, and reports errors in one line with an exit code.

Exit codes: 0 done; 2 an error that the user can correct; 1 a bug in seglet; 128 + n stopped by signal n.
"""

import importlib
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from seglet._version import __version__
from seglet.cli.parsing import Parser, UsageError
from seglet.cli.urls import local_words
from seglet.engine.console import print_message
from seglet.values import did_you_mean


@dataclass(frozen=True)
class Command:
    """Module of a command below `seglet.cli`, and its help.

    One that `takes_keys` also gets keys of an experiment, one that `takes_method_keys` only with --method.
    """

    module: str
    help: str
    takes_keys: bool = False
    takes_method_keys: bool = False


COMMANDS = {
    "auto": Command("auto", "make a checked ONNX file from images and the labels that are there"),
    "data check": Command("data.check", "find every problem of a folder of images and masks"),
    "data view": Command("data.view", "draw the augmented views that training takes of them", takes_keys=True),
    "data split": Command("data.split", "choose the few images that keep their masks"),
    "data thin": Command("data.thin", "simulate points, scribbles or boxes from full masks"),
    "data shard": Command("data.shard", "pack a data set into tars that are read by offset, with a manifest"),
    "data pair": Command("data.pair", "give images the masks and tags of the same images in another light"),
    "data develop": Command("data.develop", "develop the raw files of cameras into images"),
    "data darken": Command("data.darken", "darken a data set as a camera would record it at night"),
    "data darkness": Command("data.darkness", "measure how dark images are, and compare with the presets"),
    "data export": Command("data.export", "write masks for a labelling tool"),
    "data import": Command("data.import_", "make masks from the export of a labelling tool"),
    "prepare": Command("prepare", "compute a method's offline columns: depth, captions, attention", takes_keys=True),
    "train": Command("train", "train a segmenter from an experiment file", takes_keys=True),
    "replay": Command("replay", "repeat a training step whose loss was not finite"),
    "evaluate": Command("evaluate", "score a segmenter on images with masks", takes_method_keys=True),
    "predict": Command("predict", "segment images", takes_method_keys=True),
    "compare": Command("compare", "draw the predictions of several segmenters side by side"),
    "label": Command("label", "segment images and write confident regions for a labelling tool"),
    "report": Command("report", "write one HTML page with the scores and errors of runs"),
    "app": Command("app", "open a local web page to drop images on"),
    "serve": Command("serve", "answer images with masks by HTTP"),
    "refine": Command("refine", "refine masks to the edges of their images"),
    "adapt": Command("adapt", "adapt a segmenter to unlabelled images of another light or camera"),
    "enhance": Command("enhance", "brighten dark images"),
    "export": Command("export", "write a segmenter as an ONNX file, and compare the two"),
    "publish": Command("publish", "write a segmenter with its card for the Hugging Face hub"),
    "backbones": Command("backbones", "list the backbones a student can have, their weights and licences"),
    "convert": Command("convert", "convert a checkpoint of another code base into a segmenter"),
    "table": Command("table", "train and score the rows of a results table", takes_keys=True),
    "cost": Command("cost", "measure what an hour of annotation buys on your data", takes_keys=True),
    "world pretrain": Command("world_pretrain", "old spelling of `python -m tools.pretrain`", takes_keys=True),
    "world sheet": Command("world_sheet", "draw scenes of the embedded world and the effect of its options"),
    "demo": Command("demo", "train a short run of each method on the embedded world"),
    "doctor": Command("doctor", "check this installation"),
}


_LONGEST = 4000
"""Letters of a message; the middle of longer ones, such as of a list of a million values, is left out."""


class Terminated(KeyboardInterrupt):
    """Exception that SIGTERM and SIGHUP raise."""

    def __init__(self, number: int) -> None:
        super().__init__("terminated")
        self.signal = number


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; `SEGLET_DEBUG=1` lets errors through with their traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # large pages for torch's tensors, read at the first of them
    try:
        with _signals_as_exceptions():
            return _run(words)
    except BrokenPipeError:  # `seglet … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (ValueError, OSError) as error:
        return _failed(error)
    except KeyboardInterrupt as error:
        return _stopped(error)
    except MemoryError:
        return _out_of_memory()
    except RecursionError:
        print_message("error: a file that was read is nested too deeply; restore it, or write it again")
        return 2
    except Exception as error:  # noqa: BLE001  the last place to catch a bug
        return _bug(error)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(command_overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"seglet {__version__}")
        return 0
    name, rest = find_command(words)
    if name not in COMMANDS:
        print(command_overview(name))
        return 0
    return run_command(name, rest)


def find_command(words: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the command, or the first word of several (`data`), that the words begin with, and the other words.

    Raises:
        UsageError: there is none.
    """
    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, list(words[count:])
    group = words[0]
    below = [name for name in COMMANDS if name.startswith(f"{group} ")]
    if below and (len(words) == 1 or words[1] in ("-h", "--help")):
        return group, []
    wrong = " ".join(words[:2]) if below else group
    hint = did_you_mean(wrong, COMMANDS)
    raise UsageError(f"there is no command {wrong!r}{hint}; see `seglet --help`")


def run_command(name: str, words: Sequence[str]) -> int:
    """Imports one command, runs it and returns its exit code."""
    command = COMMANDS[name]
    warnings.filterwarnings("ignore", "Image size .* could be decompression bomb")  # images have a limit of our own
    with local_words(name, words) as local:
        return _run_module(name, command, local)


def _run_module(name: str, command: Command, words: list[str]) -> int:
    module = importlib.import_module(f"seglet.cli.{command.module}")
    parser = Parser(name)
    parser.description = f"{command.help[0].upper()}{command.help[1:]}."
    module.add_arguments(parser)
    try:
        if command.takes_keys:
            code: int = module.run(*parser.read_known(words))
        elif command.takes_method_keys:
            code = module.run(*parser.read_known_with_method(words))
        else:
            code = module.run(parser.read(words))
    except SystemExit as stop:  # argparse, behind --help
        return int(stop.code or 0)
    return code


def command_overview(group: str = "") -> str:
    """Returns the help of all commands, or of one group, with a line for each."""
    names = [name for name in COMMANDS if name.startswith(group)]
    lines = [f"  {name:<14} {COMMANDS[name].help}" for name in names]
    return "\n".join(
        [
            "usage: seglet COMMAND …",
            "",
            "Small segmentation models from small supervision.",
            "",
            *lines,
            "",
            "`seglet COMMAND --help` has the options. Begin with `seglet data check DIR` on your own images,",
            "or with `seglet train supervised`, which needs no data.",
        ]
    )


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turns SIGTERM and SIGHUP into exceptions inside the context, so that half-written files are removed.

    SIGHUP stays ignored under `nohup`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] != signal.SIG_IGN:
            signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)


def _failed(error: Exception) -> int:
    if _debugging():
        traceback.print_exception(error)
    print_message(f"error: {error_text(error)}")
    return 2


def error_text(error: Exception) -> str:
    """Returns the message of an error; those of the operating system get the file and the remedy."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {os.fspath(error.filename)!r}; check the path, its permissions and the disk's space"
    text = str(error) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def _stopped(error: KeyboardInterrupt) -> int:
    print_message(str(error) or "interrupted")
    return 128 + int(vars(error).get("signal", signal.SIGINT))


def _out_of_memory() -> int:
    print_message("error: memory ran out; use smaller images, a smaller batch or crop, or windows")
    return 2


def _bug(error: Exception) -> int:
    if isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error)):
        return _out_of_memory()  # torch has no error of its own for this on the CPU
    traceback.print_exception(error)
    print_message("error: this is a bug in seglet; please report it with the output of `seglet doctor`")
    return 1


def _debugging() -> bool:
    return os.environ.get("SEGLET_DEBUG", "") not in ("", "0")
