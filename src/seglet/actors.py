"""Work spread over the actors of a Ray cluster: processes that load what they need once and take inputs in batches.

Nothing else imports Ray. Its usage statistics and its dashboard are switched off.
"""

import contextlib
import logging
import os
import platform
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

from seglet._version import __version__

_AHEAD = 2
"""Batches that an actor holds, so that it never waits for the next; more would wait for it."""

_WINDOW = 4
"""Batches for each actor between the oldest that is not finished and the newest that has begun."""

_MOST_DEATHS = 3
"""Number of actors that may die on an input before it is given up."""

_BARREN = 6
"""Deaths in turn, beside two for each actor, after which the work itself is at fault."""

_CHANCES = 3
"""Attempts to start Ray on this machine."""

_PATIENCE = 20.0
"""Seconds without an actor after which a message says so."""

_LOCAL_STORE = 512 * 2**20
"""Bytes of shared memory that Ray on this machine alone may use; a larger model lies on disk."""

_ALIKE = "every machine needs the same seglet, Python and packages"
_MISSING = "actors need Ray; run `pip install 'seglet[ray]'` here and on every machine of the cluster"

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")
Begin = Callable[[], Callable[[_Input], _Output]]
"""Loads what the work needs and returns the function of one input; called once in each actor, and picklable."""


@dataclass(frozen=True)
class ActorPool:
    """Actors of a Ray cluster, each with one processor and a share of a GPU.

    Args:
        address: address of the cluster; None for the one that the variable RAY_ADDRESS names, else for one of this
            machine alone, which ends with this process.
        actors: number of actors; None for as many as the cluster has room for.
        gpus_per_actor: GPUs that each takes; 0 computes on processors, 0.5 lets two share a GPU.

    Raises:
        ValueError: a number is out of its range.
    """

    address: str | None = None
    actors: int | None = None
    gpus_per_actor: float = 0.0

    def __post_init__(self) -> None:
        if self.actors is not None and self.actors < 1:
            raise ValueError(f"actors: expected at least 1, got {self.actors}")
        if self.gpus_per_actor < 0:
            raise ValueError(f"gpus per actor: expected 0 or more, got {self.gpus_per_actor:g}")

    @property
    def device(self) -> str:
        """Name of the device on which an actor computes."""
        return "cuda" if self.gpus_per_actor else "cpu"

    def map(
        self,
        begin: Begin[_Input, _Output],
        inputs: Sequence[_Input],
        batch: int,
        lost: Callable[[_Input, str], _Output],
        note: Callable[[str], None],
    ) -> Iterator[_Output]:
        """Yields the output of each input, in the order of inputs.

        An actor that dies is replaced, and its batches are computed by others. An input on which several actors died,
        as when its image does not fit into memory, has the output of `lost`, which is given the reason.

        Args:
            begin: loads what the work needs, in each actor.
            inputs: the inputs.
            batch: inputs that an actor takes at once.
            lost: returns the output of an input that cannot be computed.
            note: is given messages about actors that died or are waited for.

        Raises:
            ValueError: there is no Ray or no such cluster, or it has no room for an actor.
            Exception: the error of `begin` or of an input, as the actor raised it.
        """
        if not inputs:
            return
        ray = connect(self)
        work = _Work(ray, self, inputs, batch, lost, note)
        try:
            yield from work.outputs(ray.put(_pickled(begin)))
        finally:
            work.end()


def connect(pool: ActorPool) -> Any:
    """Returns the module `ray`, connected to the cluster of a pool.

    Raises:
        ValueError: Ray is not installed, or there is no such cluster.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # without GPUs an actor leaves the variables alone
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise ValueError(_MISSING) from error
    if ray.is_initialized():
        return ray
    address = pool.address or os.environ.get("RAY_ADDRESS") or "local"
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address == "local":
            _start_here(ray, max(pool.actors or 0, _processors()), quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray's errors share no base class
        raise ValueError(
            f"there is no Ray cluster at {address!r} ({_last_line(error)}); start one as docs/cluster.md says, or "
            "leave the address out to use this machine alone"
        ) from error
    return ray


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _start_here(ray: Any, processors: int, quiet: dict[str, Any]) -> None:
    """Starts a cluster of this machine; a busy one gets a second chance, as Ray waits for half a minute only."""
    os.environ.setdefault("RAY_worker_niceness", "0")  # else actors yield to all other processes, with nobody to gain
    memory = int(os.environ.get("RAY_OBJECT_STORE_MEMORY", _LOCAL_STORE))
    own = {"num_cpus": processors, "object_store_memory": memory, "include_dashboard": False}
    for chance in range(_CHANCES):
        try:
            ray.init(address="local", **own, **quiet)
            return
        except Exception as error:
            ray.shutdown()
            if "timed out" not in str(error) or chance + 1 == _CHANCES:
                raise


@dataclass
class _Slot:
    """The place of an actor: a new one takes it when it dies."""

    actor: Any
    ready: bool = False
    held: deque[Any] = field(default_factory=deque)


class _Work(Generic[_Input, _Output]):
    """One call of `ActorPool.map`."""

    def __init__(
        self,
        ray: Any,
        pool: ActorPool,
        inputs: Sequence[_Input],
        batch: int,
        lost: Callable[[_Input, str], _Output],
        note: Callable[[str], None],
    ) -> None:
        self.ray, self.pool, self.inputs, self.lost, self.note = ray, pool, inputs, lost, note
        self.due = deque((first, min(first + batch, len(inputs))) for first in range(0, len(inputs), batch))
        self.count = min(pool.actors or _room(ray, pool), len(self.due))
        self.reach = _WINDOW * self.count * batch
        self.slots: list[_Slot] = []
        self.running: dict[Any, tuple[_Slot, tuple[int, int] | None]] = {}
        self.finished: dict[int, _Output] = {}
        self.deaths: Counter[int] = Counter()
        self.barren = 0

    def outputs(self, begin: Any) -> Iterator[_Output]:
        self.begin = begin
        self.slots = [_Slot(None) for _ in range(self.count)]
        for slot in self.slots:
            self._start(slot)
        oldest, waited = 0, time.monotonic()
        while oldest < len(self.inputs):
            self._submit(oldest)
            done, _ = self.ray.wait(list(self.running), timeout=_PATIENCE)
            if done:
                self._receive(done[0])
            if any(slot.ready for slot in self.slots):
                waited = time.monotonic()
            elif time.monotonic() - waited > _PATIENCE:
                self.note("no actor has begun yet: they start, or wait for room in the cluster")
                waited = time.monotonic()
            while oldest in self.finished:
                yield self.finished.pop(oldest)
                oldest += 1

    def end(self) -> None:
        for slot in self.slots:
            with contextlib.suppress(Exception):
                self.ray.kill(slot.actor)

    def _start(self, slot: _Slot) -> None:
        """Puts a new actor into a slot; it gets work when it has answered, which may take until there is room."""
        made = self.ray.remote(_Actor).options(num_cpus=1, num_gpus=self.pool.gpus_per_actor, max_restarts=0)
        slot.actor, slot.ready = made.remote(self.begin, str(Path.cwd())), False
        self.running[slot.actor.version.remote()] = (slot, None)

    def _submit(self, oldest: int) -> None:
        """Gives work to the actors that hold least of it, up to a distance from the oldest that is not finished."""
        for slot in sorted((slot for slot in self.slots if slot.ready), key=lambda slot: len(slot.held)):
            if len(slot.held) < _AHEAD and self.due and self.due[0][0] < oldest + self.reach:
                first, end = self.due.popleft()
                reference = slot.actor.work.remote(self.inputs[first:end])
                slot.held.append(reference)
                self.running[reference] = (slot, (first, end))

    def _receive(self, reference: Any) -> None:
        slot, unit = self.running[reference]
        try:
            found = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:  # not of the work, which returns its own
            raise ValueError(f"an actor cannot take its work: {_last_line(error)}; {_ALIKE}") from error
        except self.ray.exceptions.RayError as error:
            self._lose(slot, error)
            return
        del self.running[reference]
        if unit is None:
            _check_version(found)
            slot.ready = True
            return
        slot.held.remove(reference)
        if isinstance(found, _Raised):
            raise found.error
        self.barren = 0
        self.finished.update(zip(range(*unit), found, strict=True))

    def _lose(self, slot: _Slot, error: Exception) -> None:
        """Returns the batches of a dead actor to those that are due; the first of them is the one it died on."""
        reason = _last_line(error)
        if "creation task" in str(error):
            raise ValueError(f"an actor cannot start: {reason}; {_ALIKE}")
        self.barren += 1
        if self.barren > _BARREN + 2 * self.count:
            raise ValueError(f"one actor after the other dies ({reason}), most often because memory ran out; "
                             "give fewer actors, or smaller images")  # fmt: skip
        self.note(f"an actor died ({reason}); another takes its place")
        lost = [reference for reference, (holder, _) in self.running.items() if holder is slot]
        units = sorted(unit for reference in lost if (unit := self.running.pop(reference)[1]) is not None)
        slot.held.clear()
        if units:
            first, end = units.pop(0)
            units = [*self._suspects(first, end, reason), *units]
        self.due.extendleft(reversed(units))
        self._start(slot)

    def _suspects(self, first: int, end: int, reason: str) -> list[tuple[int, int]]:
        """Returns the inputs on one of which an actor died, each as a batch, without one that is given up."""
        for place in range(first, end):
            self.deaths[place] += 1
        if end - first == 1 and self.deaths[first] >= _MOST_DEATHS:
            text = f"{_MOST_DEATHS} actors died on it, most often because memory ran out: {reason}"
            self.finished[first] = self.lost(self.inputs[first], text)
            return []
        return [(place, place + 1) for place in range(first, end)]


class _Actor:
    """A process of the cluster."""

    def __init__(self, begin: bytes, folder: str) -> None:
        self._begin = begin
        self._function: Callable[[Any], Any] | None = None
        with contextlib.suppress(OSError):  # relative paths are those of the first process, if it is the same disk
            os.chdir(folder)

    def version(self) -> tuple[str, str]:
        """Returns the version of seglet here, and the machine."""
        return __version__, platform.node()

    def work(self, inputs: Sequence[Any]) -> "list[Any] | _Raised":
        """Returns the outputs of a batch, or the error that it raised."""
        try:
            if self._function is None:
                self._function = _unpickled(self._begin)()
                self._begin = b""
            return [self._function(each) for each in inputs]
        except Exception as error:  # noqa: BLE001  the first process raises it
            return _Raised(_portable(error))


@dataclass(frozen=True)
class _Raised:
    """An error of the work itself, as opposed to one of its actor."""

    error: Exception


def _portable(error: Exception) -> Exception:
    """Returns an error that can be pickled, without the traceback: the error itself, or its text."""
    import pickle

    error.__cause__ = error.__context__ = None
    try:
        copied = pickle.loads(pickle.dumps(error))
        return error if type(copied) is type(error) else ValueError(str(error))
    except Exception:  # noqa: BLE001  whatever a class does on pickling
        return RuntimeError(f"{type(error).__name__}: {error}")


def _pickled(begin: Callable[[], Any]) -> bytes:
    content: bytes = import_module("ray.cloudpickle").dumps(begin)
    return content


def _unpickled(content: bytes) -> Callable[[], Callable[[Any], Any]]:
    begin: Callable[[], Callable[[Any], Any]] = import_module("ray.cloudpickle").loads(content)
    return begin


def _room(ray: Any, pool: ActorPool) -> int:
    """Returns how many actors the cluster has room for now.

    Raises:
        ValueError: it has none.
    """
    there = ray.cluster_resources()
    count = int(there.get("CPU", 0))
    if pool.gpus_per_actor:
        count = min(count, int(there.get("GPU", 0) / pool.gpus_per_actor))
    if count < 1:
        raise ValueError(
            f"an actor needs 1 processor and {pool.gpus_per_actor:g} GPUs, but the cluster has {there.get('CPU', 0):g} "
            f"and {there.get('GPU', 0):g}; ask for fewer GPUs, or for a number of actors, which wait"
        )
    return count


def _check_version(found: tuple[str, str]) -> None:
    version, machine = found
    if version != __version__:
        raise ValueError(
            f"machine {machine!r} has seglet {version}, this one {__version__}; install one version on all"
        )


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if ": " in line), lines[0]) if lines else type(error).__name__
