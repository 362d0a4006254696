"""Steps of a chain: commands of seglet, each with what it makes and how an interrupted one goes on."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ChainStep:
    """One command.

    Args:
        name: name in the record, and in front of the command when it is printed.
        words: the command behind `seglet`.
        makes: file that is there when the step is finished.
        about: what it is for.
        seconds: estimated time.
        begun: file or folder that an interrupted command leaves; `again` are the words that go on from there, or make
            it anew.
        printed: file for what the command prints as JSON, if that is kept.
    """

    name: str
    words: tuple[str, ...]
    makes: Path
    about: str = ""
    seconds: float = 0.0
    begun: Path | None = None
    again: tuple[str, ...] = ()
    printed: Path | None = None

    @property
    def command(self) -> str:
        """The command for a shell."""
        return command_text(self.words)

    def words_now(self) -> tuple[str, ...]:
        """Returns the words to run: those that go on, if the command was interrupted."""
        return self.again if self.begun is not None and self.begun.exists() else self.words

    def as_dict(self) -> dict[str, Any]:
        """Returns the step as plain values for JSON."""
        paths = {"makes": str(self.makes), "begun": _text(self.begun), "printed": _text(self.printed)}
        words = {"words": list(self.words), "again": list(self.again)}
        return {"name": self.name, **words, "about": self.about, "seconds": self.seconds, **paths}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ChainStep":
        """Builds the step that `as_dict` turned into these values."""
        begun, printed = (None if values[key] is None else Path(values[key]) for key in ("begun", "printed"))
        words, again = tuple(values["words"]), tuple(values["again"])
        about, seconds = str(values["about"]), float(values["seconds"])
        return cls(str(values["name"]), words, Path(values["makes"]), about, seconds, begun, again, printed)


def command_text(words: tuple[str, ...]) -> str:
    """Returns a command of seglet for a shell."""
    return shlex.join(["seglet", *words])


def option_words(**options: Any) -> tuple[str, ...]:
    """Returns options as words of a command; None, False and "" leave one out, True is one without a value.

    The names are those of keys of experiments; `score__on` stands for an option that is written `--score-on`.
    """
    found: list[str] = []
    for name, value in options.items():
        if value is None or value is False or value == "":
            continue
        values = () if value is True else value if isinstance(value, tuple | list) else (value,)
        written = [f"{each:g}" if isinstance(each, float) else str(each) for each in values]
        found += [f"--{name.replace('__', '-')}", *written]
    return tuple(found)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
