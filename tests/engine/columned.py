"""The method of the tests that reads columns, for `seglet` in this process and in others."""

import sys
from pathlib import Path

import pytest

from seglet import methods

FOLDER = str(Path(__file__).parent / "methods")


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `columned` a method until the test is over."""
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, FOLDER])
    before = {name for name in sys.modules if name.startswith("seglet.methods.columned")}
    for name in before:
        monkeypatch.delitem(sys.modules, name)


def main(argv: list[str]) -> int:
    """`seglet` with that method, and shards of four values."""
    import time

    from seglet.cli.main import main as seglet
    from seglet.engine import prepare

    methods.__path__ = [*methods.__path__, FOLDER]
    prepare._SHARD_VALUES = 4
    slow = prepare.read_or_reason

    def read_slowly(*arguments):
        time.sleep(0.01)
        return slow(*arguments)

    prepare.read_or_reason = read_slowly
    return seglet(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
