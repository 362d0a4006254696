"""Progress of long jobs and messages, all on stderr.

A terminal shows a bar, a notebook a line that is written anew in place, everything else a line every few seconds.
"""

import contextlib
import os
import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0


class ProgressDisplay:
    """The progress of one job of `total` steps; a total of 0 is not known beforehand.

    One that is not `active` shows nothing, as in all processes but the first.
    """

    def __init__(self, title: str, total: int, unit: str = "steps", active: bool = True) -> None:
        self._display = _display(title, total, unit, active)

    def advance(self, done: int, note: str = "") -> None:
        """Shows the number of steps done, those before a resume included, and a note, which stays until the next."""
        self._display.advance(done, note)

    def expect(self, total: int) -> None:
        """Corrects the number of steps of the whole job."""
        self._display.expect(total)

    def note(self, text: str) -> None:
        """Prints a line that stays."""
        self._display.note(text)

    def close(self) -> None:
        """Ends the display."""
        self._display.close()

    def __enter__(self) -> "ProgressDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Display(ABC):
    @abstractmethod
    def advance(self, done: int, note: str) -> None: ...

    @abstractmethod
    def expect(self, total: int) -> None: ...

    @abstractmethod
    def note(self, text: str) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


def _display(title: str, total: int, unit: str, active: bool) -> _Display:
    if not active:
        return _Nothing()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return _Bar(title, total, unit)
    in_notebook = type(sys.stderr).__module__.startswith("ipykernel")
    return (_LineInPlace if in_notebook else _Lines)(title, total, unit)


class _Nothing(_Display):
    def advance(self, done: int, note: str) -> None: ...

    def expect(self, total: int) -> None: ...

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...


class _Bar(_Display):
    """A bar that is redrawn in place."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        class PaceColumn(TextColumn):
            def render(self, task: "Task") -> "Text":
                from rich.text import Text

                return Text(f"{task.speed:.3g}/s" if task.speed else "")

        self._escape = escape
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(escape(unit)),
            PaceColumn(""),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            refresh_per_second=4,
        )
        self._task = self._progress.add_task(escape(title), total=total or None, note="")
        self._progress.start()

    def advance(self, done: int, note: str) -> None:
        if note:
            self._progress.update(self._task, completed=done, note=self._escape(note))
        else:
            self._progress.update(self._task, completed=done)

    def expect(self, total: int) -> None:
        self._progress.update(self._task, total=total or None)

    def note(self, text: str) -> None:
        self._progress.console.print(printable_text(text, sys.stderr.encoding), markup=False, highlight=False)

    def close(self) -> None:
        self._progress.stop()


class _Lines(_Display):
    """A line every few seconds and one at the end, for logs and pipes."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        self._title = title
        self._total = total
        self._unit = unit
        self._note = ""
        self._done = 0
        self._written: int | None = None
        self._since = self._shown = time.monotonic()
        self._first: int | None = None

    def advance(self, done: int, note: str) -> None:
        now = time.monotonic()
        self._done = done
        self._note = note or self._note
        if self._first is None:
            self._first, self._since = done, now
        if now - self._shown >= SECONDS_BETWEEN_LINES or done == self._total:
            self._write(now)

    def expect(self, total: int) -> None:
        self._total = total

    def note(self, text: str) -> None:
        print_message(text)

    def close(self) -> None:
        if self._first is not None and self._written != self._done:
            self._write(time.monotonic())

    def _write(self, now: float) -> None:
        steps, seconds = self._done - (self._first or 0), now - self._since
        pace = steps / seconds if steps and seconds else None
        parts = [progress_line(self._title, self._done, self._total, self._unit, pace), self._note]
        self._show(", ".join(part for part in parts if part))
        self._shown, self._written = now, self._done

    def _show(self, line: str) -> None:
        self.note(line)


class _LineInPlace(_Lines):
    """A line that begins with a carriage return, which a notebook shows in place of the one before."""

    _width = 0

    def note(self, text: str) -> None:
        self._show(text)
        print_message("")
        self._width = 0

    def close(self) -> None:
        super().close()
        if self._width:
            print_message("")

    def _show(self, line: str) -> None:
        line = printable_text(line, sys.stderr.encoding)
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)


def progress_line(title: str, done: int, total: int, unit: str, pace: float | None) -> str:
    """Returns one line of progress; `pace` in steps per second, None while it is not known."""
    text = f"{title}: {done}/{total} {unit} ({100 * done / total:.0f} %)" if total else f"{title}: {done} {unit}"
    if pace is None:
        return text
    left = f", {format_duration((total - done) / pace)} left" if total > done else ""
    return f"{text}, {pace:.3g}/s{left}"


def format_duration(seconds: float) -> str:
    """Returns a time span as text: 8 s, 3 min, 2 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def print_message(text: str) -> None:
    """Prints a message on stderr; where nobody reads it any more, or its disk is full, work goes on in silence."""
    try:
        print(printable_text(text, sys.stderr.encoding), file=sys.stderr, flush=True)
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # else Python's end would try once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def printable_text(text: str, encoding: str | None) -> str:
    """Returns the text with escapes for what the encoding (None: UTF-8) lacks and for control characters."""
    encoding = encoding or "utf-8"
    encoded = text.encode(encoding, "backslashreplace").decode(encoding)
    return "".join(letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in encoded)
