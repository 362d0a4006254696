"""`seglet COMMAND …`: finds the command, imports it alone, and turns what goes wrong into one line and an exit code.

Exit codes: 0 done; 2 the user can put it right; 1 a fault of ours; 128 + n stopped by signal n.
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
from seglet.engine.console import print_message
from seglet.values import did_you_mean


@dataclass(frozen=True)
class Command:
    """Where a command lives. An `open` one gets options it does not know, to read them itself."""

    module: str
    help: str
    open: bool = False


COMMANDS = {
    "data check": Command("data.check", "find every problem of a folder of images and masks"),
    "data view": Command("data.view", "draw what a model sees of them in training", open=True),
    "data split": Command("data.split", "choose the few images that keep their masks"),
    "data darken": Command("data.darken", "darken a data set as a camera would have seen it at night"),
    "data darkness": Command("data.darkness", "measure how dark images are, beside what the presets make"),
    "data export": Command("data.export", "write masks for a labelling tool"),
    "data import": Command("data.import_", "make masks of what a labelling tool exported"),
    "prepare": Command("prepare", "compute once what a method wants to know of each image", open=True),
    "train": Command("train", "train a segmenter as an experiment file says", open=True),
    "replay": Command("replay", "take the step again whose loss was not a number"),
    "evaluate": Command("evaluate", "score a segmenter on images with masks"),
    "predict": Command("predict", "segment images"),
    "compare": Command("compare", "see what several segmenters see in the same images"),
    "label": Command("label", "segment images and write what is sure for a labelling tool"),
    "report": Command("report", "show what a run learned, in one page"),
    "app": Command("app", "open a local page to drop images on"),
    "refine": Command("refine", "move the edges of masks to those of their images"),
    "enhance": Command("enhance", "brighten dark images"),
    "export": Command("export", "write a segmenter as an ONNX file, and compare the two"),
    "publish": Command("publish", "write a segmenter with its card for the Hugging Face hub"),
    "convert": Command("convert", "turn a foreign checkpoint into a segmenter"),
    "table": Command("table", "train and score the rows of a results table", open=True),
    "cost": Command("cost", "find out what an hour of annotation buys on your data", open=True),
    "world pretrain": Command("world_pretrain", "make the tiny foundation models of the embedded world, from nothing"),
    "world sheet": Command("world_sheet", "draw what the embedded world looks like and what its knobs do"),
    "demo": Command("demo", "see the whole idea in a few minutes on the embedded world"),
    "doctor": Command("doctor", "check this installation"),
}


class Terminated(KeyboardInterrupt):
    """The process was asked to end."""

    def __init__(self) -> None:
        super().__init__("terminated")
        self.signal = signal.SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; `SEGLET_DEBUG=1` lets errors through with their traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        with _ended_by_signal():
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
    except Exception as error:  # noqa: BLE001  the last place to catch a fault
        return _our_fault(error)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"seglet {__version__}")
        return 0
    name, rest = find(words)
    if name not in COMMANDS:
        print(overview(name))
        return 0
    return execute(name, rest)


def find(words: Sequence[str]) -> tuple[str, list[str]]:
    """The command, or the first word of several (`data`), that the words begin with; and the remaining words.

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


def execute(name: str, words: Sequence[str]) -> int:
    """Imports one command and runs it."""
    command = COMMANDS[name]
    warnings.filterwarnings("ignore", "Image size .* could be decompression bomb")  # we have a limit of our own
    module = importlib.import_module(f"seglet.cli.{command.module}")
    parser = Parser(name)
    parser.description = f"{command.help[0].upper()}{command.help[1:]}."
    module.add_arguments(parser)
    try:
        if command.open:
            code: int = module.run(*parser.read_known(words))
        else:
            code = module.run(parser.read(words))
    except SystemExit as stop:  # argparse, behind --help
        return int(stop.code or 0)
    return code


def overview(group: str = "") -> str:
    """All commands, or those of one group, with a line for each."""
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
            "`seglet COMMAND --help` tells more. Begin with `seglet data check DIR` on your own images,",
            "or with `seglet train supervised`, which needs no data.",
        ]
    )


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM becomes an exception meanwhile, so that half-written files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _failed(error: Exception) -> int:
    if debugging():
        traceback.print_exception(error)
    print_message(f"error: {reason(error)}")
    return 2


def reason(error: Exception) -> str:
    """What went wrong, for people; the operating system's errors name the file but are short of words."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {os.fspath(error.filename)!r}; check the path, its permissions and the disk's space"
    return str(error) or type(error).__name__


def _stopped(error: KeyboardInterrupt) -> int:
    print_message(str(error) or "interrupted")
    return 128 + int(vars(error).get("signal", signal.SIGINT))


def _out_of_memory() -> int:
    print_message("error: memory ran out; use smaller images, a smaller batch or crop, or windows")
    return 2


def _our_fault(error: Exception) -> int:
    if isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error)):
        return _out_of_memory()  # torch has no error of its own for this on the CPU
    traceback.print_exception(error)
    print_message("error: this is a fault of seglet's own; please report it with the output of `seglet doctor`")
    return 1


def debugging() -> bool:
    return os.environ.get("SEGLET_DEBUG", "") not in ("", "0")
