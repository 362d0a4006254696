"""Commands of seglet in forked processes, in which the file system fails, or the process dies, at a chosen event.

A fork of this process has everything imported, so that a tiny training takes about a second.
"""

import errno
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seglet.cli.main import main

Fault = Literal["none", "kill", "full", "term", "interrupt"]
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "interrupt": signal.SIGINT}
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass
class Trap:
    """Audit hook that counts file events below a folder, and strikes just before one of them."""

    folder: str
    fault: Fault = "none"
    at: int = -1
    count: int = 0
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
        self.count += 1
        if self.count - 1 != self.at:
            return
        if self.fault in _SIGNALS:
            os.kill(os.getpid(), _SIGNALS[self.fault])
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


def run_forked(words: list[str], folder: Path, fault: Fault = "none", at: int = -1) -> Ended:
    """Runs a command in a fork, with a fault before its file event number `at` below the folder."""
    log, counted = folder.parent / "log.txt", folder.parent / "events.txt"
    sys.stdout.flush(), sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1), os.dup2(output, 2)
            trap = Trap(str(folder), fault, at)
            trap.watch_syncs()
            sys.addaudithook(trap)
            code = main(words)
            counted.write_text(json.dumps([trap.count, trap.renames, trap.unsynced]))
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    events, renames, unsynced = json.loads(counted.read_text()) if counted.exists() else (0, 0, [])
    counted.unlink(missing_ok=True)
    return Ended(code, events, log.read_text(errors="replace"), renames, tuple(unsynced))
