"""`seglet world pretrain`: the old spelling of `python -m tools.pretrain`, which needs a clone of the repository."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from seglet.engine.console import print_message

_CLONE = Path(__file__).parents[3]
"""Root of the repository, if the package was not installed without it."""

_COMMAND = "python -m tools.pretrain"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"All options are those of `{_COMMAND} --help`."


def run(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Runs the program of the clone that this package belongs to.

    Raises:
        ValueError: the package was installed without the program.
    """
    if not (_CLONE / "tools" / "pretrain" / "__main__.py").is_file():
        raise ValueError(
            "the program that trains the tiny models is not part of the installed package; "
            f"clone seglet's repository and run `{_COMMAND}` there"
        )
    print_message(f"warning: `seglet world pretrain` is now `{_COMMAND}`; the old spelling goes with the next release")
    if str(_CLONE) not in sys.path:
        sys.path.insert(0, str(_CLONE))
    code: int = importlib.import_module("tools.pretrain.__main__").main(words)
    return code
