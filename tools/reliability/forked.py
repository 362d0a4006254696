"""Commands of seglet in forked processes, in which the file system fails, or the process dies, at a chosen event.

A fork of this process has everything imported, so that a tiny training takes about a second.
"""

import contextlib
import errno
import json
import mmap
import os
import resource
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seglet.cli.main import main
from seglet.results import runner
from seglet.results.tasks import Task, task_name

Fault = Literal["none", "kill", "full", "term", "interrupt"]
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "interrupt": signal.SIGINT}
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Counter:
    """A number that a process and its forks share."""

    def __init__(self) -> None:
        self._memory, self._lock = mmap.mmap(-1, 8), threading.Lock()

    def next(self) -> int:
        """Counts on, and returns the number before."""
        with self._lock:
            number = self.value
            self._memory[:] = struct.pack("q", number + 1)
        return number

    @property
    def value(self) -> int:
        return int(struct.unpack("q", self._memory[:])[0])


@dataclass
class Trap:
    """Audit hook that counts file events below a folder, and strikes just before one of them."""

    folder: str
    fault: Fault = "none"
    at: int = -1
    events: _Counter = field(default_factory=_Counter)
    first: int = field(default_factory=os.getpid)
    renames: int = 0
    unsynced: list[str] = field(default_factory=list)
    synced: set[int] = field(default_factory=set)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            changes = isinstance(arguments[2], int) and bool(arguments[2] & _WRITING)
        else:
            changes = event in _CHANGES
        if not changes or not self._below(arguments[0]):
            return
        if event == "os.rename":
            self._check_synced(Path(os.fsdecode(arguments[0])))
        if self.events.next() != self.at:
            return
        if self.fault in _SIGNALS:
            os.kill(self.first, _SIGNALS[self.fault])
        if self.fault == "kill":  # a task of a table dies with the table
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def watch_syncs(self) -> None:
        """Notes which files were synchronised to disk from now on."""
        plain = os.fsync

        def noted(handle: int) -> None:
            plain(handle)
            self.synced.add(os.fstat(handle).st_ino)

        os.fsync = noted  # type: ignore[assignment]

    def _check_synced(self, source: Path) -> None:
        """Notes a rename whose source would be empty after a loss of power."""
        parts = [path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source]
        self.renames += 1
        if any(path.exists() and path.stat().st_ino not in self.synced for path in parts):
            self.unsynced.append(source.name)

    def _below(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self.folder)


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative: killed by this signal), file events, and what it printed."""

    code: int
    events: int
    text: str
    renames: int = 0
    unsynced: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """True if it ended well, or with an error for users; not with a traceback."""
        return self.code in (0, 2) and "Traceback" not in self.text


Program = Callable[[list[str]], int]
"""What a fork runs: from words to an exit code; `seglet` itself unless another is given."""
Limits = Mapping[int, int]
"""Limits of a process by resource, such as `resource.RLIMIT_NOFILE`."""


def run_forked(
    words: list[str],
    folder: Path,
    fault: Fault = "none",
    at: int = -1,
    program: Program = main,
    limits: Limits | None = None,
) -> Ended:
    """Runs a command in a fork, with a fault before its file event number `at` below the folder."""
    log, counted = folder.parent / "log.txt", folder.parent / "events.txt"
    sys.stdout.flush(), sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1), os.dup2(output, 2)
            runner.run_task = run_task_forked
            trap = Trap(str(folder), fault, at)
            trap.watch_syncs()
            sys.addaudithook(trap)
            for kind, most in (limits or {}).items():
                resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
            code = program(words)
            counted.write_text(json.dumps([trap.events.value, trap.renames, trap.unsynced]))
        except Exception:  # noqa: BLE001  it is counted
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    events, renames, unsynced = json.loads(counted.read_text()) if counted.exists() else (0, 0, [])
    counted.unlink(missing_ok=True)
    return Ended(code, events, log.read_text(errors="replace"), renames, tuple(unsynced))


def run_task_forked(task: Task, threads: int, stop: threading.Event) -> None:
    """Runs a task of a table as `seglet.results.runner.run_task` does, but in a fork, with its errors on stderr.

    Raises:
        ValueError: it failed.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            task.run()
            code = 0
        except (ValueError, OSError) as error:
            sys.stderr.write(f"error: {error}\n")
            code = 2
        except Exception:  # noqa: BLE001  it is counted
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise ValueError(f"task {task_name(task)!r} failed with {code}")


@contextlib.contextmanager
def started(words: list[str], folder: Path, program: Program = main) -> Iterator[int]:
    """Runs a command in a fork meanwhile, and kills it at the end; gives its number."""
    child = os.fork()
    if child == 0:
        output = os.open(folder.parent / "other.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1), os.dup2(output, 2)
        code = 1
        try:
            code = program(words)
        finally:
            os._exit(code)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it ended, and was waited for
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
