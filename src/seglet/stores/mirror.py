"""Folders by URL as folders on this machine: copied whole for reading, and published whole after writing."""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seglet.files import (
    TEMPORARY,
    DataError,
    content_hash,
    delete_path,
    expand_home,
    path_below,
    read_json,
    replace_atomically,
    user_cache_folder,
    write_json,
)
from seglet.locks import LOCK_FILE, lock_folder
from seglet.stores.block_cache import SIZE_VARIABLE, cache_size
from seglet.stores.opening import is_url
from seglet.stores.remote_place import RemotePlace, attempt

_NOTE = ".seglet-published.json"
_AT_ONCE = 8
MARKERS = ("seglet-manifest.json", "dataset.json", "predictions.json", "record.json")
"""Files that say a folder is complete, published after all others."""


def local_folder(data: str) -> Path:
    """Returns the folder of a path, or a copy on this machine of a folder by URL.

    Raises:
        DataError: the URL cannot be read, or holds more than the cache may.
    """
    if not is_url(data):
        return expand_home(data)
    return mirrored(RemotePlace(data))


def staging_folder(url: str) -> Path:
    """Returns the folder in the user's cache that stands for a URL."""
    clean = url.rstrip("/")
    return user_cache_folder() / "urls" / content_hash(clean.encode())[:16] / clean.rpartition("/")[2]


def mirrored(place: RemotePlace) -> Path:
    """Returns a copy of a whole folder; only objects that are new or changed are fetched, several at a time.

    Raises:
        DataError: it cannot be read, holds nothing, or more than the cache may.
    """
    folder = staging_folder(place.name)
    names = place.names()
    if not names:
        raise DataError(f"{place.name!r} holds no files; check the bucket and the path, whose letters' case counts")
    states = {name: place.state(name) for name in names}
    total = sum(state.size for state in states.values())
    if total > cache_size():
        raise DataError(
            f"{place.name!r} holds {total / 1e9:.1f} GB, and the cache may hold {cache_size() / 1e9:.1f} GB; pack the "
            f"data with `seglet data shard`, whose tars are read in parts, or set {SIZE_VARIABLE} to more"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder):
        known = _note(folder)
        wanted = [name for name in names if not _is_copied(folder, name, known.get(name), list(_facts(states[name])))]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda name: _copy(place, name, folder), wanted))
        write_json(folder / _NOTE, {name: [*_facts(states[name]), _stamp(folder / name)] for name in names})
    return folder


def _facts(state: Any) -> Iterator[Any]:
    yield state.size
    yield state.version


def _stamp(path: Path) -> int:
    return path.stat().st_mtime_ns


def _note(folder: Path) -> dict[str, Any]:
    try:
        return dict(read_json(folder / _NOTE))
    except (OSError, ValueError):
        return {}


def _is_copied(folder: Path, name: str, known: Sequence[Any] | None, facts: Sequence[Any]) -> bool:
    file = path_below(folder, name)
    if known is None or list(known[:2]) != list(facts) or not file.is_file():
        return False
    return bool(file.stat().st_size == facts[0] and _stamp(file) == known[2])


def _copy(place: RemotePlace, name: str, folder: Path) -> None:
    with replace_atomically(path_below(folder, name)) as temporary:
        temporary.write_bytes(place.read(name))


@contextmanager
def published(url: str) -> Iterator[Path]:
    """Yields a folder on this machine whose files are at the URL after the block, also if it ends with an error.

    What is at the URL already is copied first, so that a run is resumed and columns are completed as on a disk. Files
    that say a folder is complete are published last, and only if the block ended well.
    """
    if not is_url(url):
        yield Path(url)
        return
    place, folder = RemotePlace(url), staging_folder(url)
    if place.names():
        mirrored(place)
    elif (folder / _NOTE).is_file():  # somebody emptied the URL
        delete_path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        publish(folder, place, complete=False)
        raise
    publish(folder, place, complete=True)


def publish(folder: Path, place: RemotePlace, complete: bool = True) -> list[str]:
    """Uploads the files of a folder that are new or changed since the last call, and returns their names.

    Each is compared with its size at the store afterwards.

    Raises:
        DataError: the store refuses, or does not hold what was sent.
    """
    if folder.is_file():
        _upload(folder, place, "")
        return [folder.name]
    if not folder.is_dir():
        return []
    place.filesystem()  # here, as threads would each open one
    known = _note(folder)
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in found]
    names = [name for name in names if _is_result(name)]
    changed = [name for name in names if name not in known or known[name][2] != _stamp(folder / name)]
    last = [name for name in changed if name.rpartition("/")[2] in MARKERS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda name: _upload(folder / name, place, name), [name for name in changed if name not in last]))
    for name in last if complete else ():
        _upload(folder / name, place, name)
    done = changed if complete else [name for name in changed if name not in last]
    for name in done:
        known[name] = [*_facts(place.state(name, anew=True)), _stamp(folder / name)]
    if folder.is_dir() and done:
        write_json(folder / _NOTE, known)
    return done


def _is_result(name: str) -> bool:
    parts = name.split("/")
    return parts[-1] not in (_NOTE, LOCK_FILE) and not any(part.startswith(TEMPORARY) for part in parts)


def _upload(file: Path, place: RemotePlace, name: str) -> None:
    target, system, size = place.path_of(name), place.filesystem(), file.stat().st_size

    def send() -> None:
        if place.protocol == "file":  # stores replace an object at once, file systems do not
            with replace_atomically(Path(target)) as temporary:
                shutil.copyfile(file, temporary)
        else:
            system.put_file(str(file), target)
        there = int(system.info(target)["size"])
        if there != size:
            raise ConnectionError(f"{size} bytes were sent, {there} are there")

    attempt(send, place.shown(name) if name else place.name)
