"""A folder in an object store, read through fsspec: blocks kept on this machine, retries, checks of what comes back.

The store's own packages speak its protocol: s3fs for `s3://`, gcsfs for `gs://`, adlfs for `az://`, huggingface_hub for
`hf://`; `file://` and `memory://` need none.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from seglet.files import DataError
from seglet.stores.block_cache import BLOCK, BlockCache
from seglet.stores.place import Place

Outcome = TypeVar("Outcome")

ATTEMPTS = 5
"""Times that a request is made before it counts as failed."""
_FIRST_WAIT = 0.5
"""Seconds before the second attempt; each further wait is twice as long."""
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
             "abfss": "adlfs", "hf": "huggingface_hub"}  # fmt: skip
_VERSION_KEYS = ("ETag", "etag", "oid", "blob_id", "md5Hash", "content_md5", "mtime", "LastModified", "created")
"""Facts about an object that change with its content, the surest first; stores name them differently."""
_CREDENTIAL_ERRORS = (
    "NoCredentials",
    "PartialCredentials",
    "TokenRetrieval",
    "DefaultCredentials",
    "ClientAuthentication",
)


@dataclass(frozen=True)
class ObjectState:
    """Bytes of an object, and what tells its versions apart (empty where the store does not say)."""

    size: int
    version: str


class RemotePlace(Place):
    """A folder by URL. What is read is kept in the user's cache, by URL, version, size and block.

    An object that changes while it is read is an error, never a mixture of both.
    """

    def __init__(self, url: str) -> None:
        self.name = url.rstrip("/")
        self.protocol = url.partition("://")[0]
        self.cache = BlockCache()
        self._filesystem: Any = None
        self._process = 0
        self._states: dict[str, ObjectState] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_filesystem": None}

    def names(self) -> list[str]:
        """Returns the names of all objects below the folder that are not hidden."""
        listed = self._attempt("", lambda: self.filesystem().find(self.name, detail=False))
        root = self.path_of("").rstrip("/") + "/"
        names = (str(path).removeprefix(root) for path in listed if str(path).startswith(root))
        return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))

    def exists(self, name: str) -> bool:
        """True if there is such an object.

        Raises:
            DataError: the store does not answer, or refuses.
        """
        try:
            self.state(name)
        except MissingObjectError:
            return False
        return True

    def size(self, name: str) -> int:
        """Returns the bytes of an object."""
        return self.state(name).size

    def state(self, name: str, anew: bool = False) -> ObjectState:
        """Returns size and version of an object, asked for once unless `anew`."""
        if anew or name not in self._states:
            about = self._attempt(name, lambda: self.filesystem().info(self.path_of(name)))
            if about.get("type") == "directory":
                raise MissingObjectError(f"{self.shown(name)!r} is a folder; the URL of a file was expected")
            self._states[name] = _state(about)
        return self._states[name]

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """Reads a part of an object, from blocks kept on this machine where they are."""
        state = self.state(name)
        end = state.size if size is None else offset + size
        if end > state.size:
            raise DataError(
                f"{self.shown(name)!r} is cut short: bytes up to {end} were expected, it has {state.size}; upload it "
                "again"
            )
        blocks = [self._block(name, state, number) for number in range(offset // BLOCK, -(-end // BLOCK))]
        begin = offset % BLOCK
        return b"".join(blocks)[begin : begin + end - offset]

    def _block(self, name: str, state: ObjectState, number: int) -> bytes:
        begin, end = number * BLOCK, min((number + 1) * BLOCK, state.size)
        key = f"{self.shown(name)} {state.version} {state.size} {number}"
        kept = self.cache.find(key, end - begin)
        if kept is not None:
            return kept
        content = self._attempt(name, lambda: self._fetch(name, state, begin, end))
        self.cache.keep(key, content)
        return content

    def _fetch(self, name: str, state: ObjectState, begin: int, end: int) -> bytes:
        """Reads bytes of an object and checks that they are as many as were asked for, of the same version."""
        content = bytes(self.filesystem().cat_file(self.path_of(name), start=begin, end=end))
        if self.state(name, anew=True) != state:
            raise ChangedObjectError(
                f"{self.shown(name)!r} changed while it was read; let nobody replace objects in use, and run this again"
            )
        if len(content) != end - begin:
            raise ConnectionError(f"{len(content)} bytes came, {end - begin} were asked for")
        return content

    def _attempt(self, name: str, request: Callable[[], Outcome]) -> Outcome:
        return attempt(request, self.shown(name) if name else self.name)

    def filesystem(self) -> Any:
        """Returns fsspec's file system of the protocol; each process has its own, as connections do not survive a fork.

        Raises:
            DataError: the protocol is unknown, or its package is missing.
        """
        if self._filesystem is None or self._process != os.getpid():
            self._filesystem, self._process = open_filesystem(self.protocol), os.getpid()
        return self._filesystem

    def path_of(self, name: str) -> str:
        """Returns the path of an object as fsspec writes it, without the protocol."""
        path = self.filesystem()._strip_protocol(self.name)
        return f"{path}/{name}" if name else str(path)


def _state(about: dict[str, Any]) -> ObjectState:
    version = next((str(about[key]) for key in _VERSION_KEYS if about.get(key)), "")
    return ObjectState(int(about["size"]), version)


class MissingObjectError(DataError):
    """There is no such object, bucket or folder."""


class ChangedObjectError(DataError):
    """An object is not the one that was there before."""


def open_filesystem(protocol: str) -> Any:
    """Returns fsspec's file system of a protocol, without listings kept from before.

    Raises:
        DataError: it is unknown, or its package is missing.
    """
    try:
        import fsspec
    except ImportError as error:
        raise DataError(f"{protocol}:// is read through fsspec: pip install 'seglet[cloud]'") from error
    try:
        return fsspec.filesystem(protocol, skip_instance_cache=protocol != "memory", use_listings_cache=False)
    except ImportError as error:
        package = _PACKAGES.get(protocol, "its package")
        raise DataError(f"{protocol}:// needs {package} ({error}): pip install 'seglet[cloud]' {package}") from error
    except ValueError as error:
        raise DataError(f"{protocol}:// is unknown to fsspec; s3://, gs://, az://, hf:// are known") from error


def attempt(request: Callable[[], Outcome], shown: str) -> Outcome:
    """Returns what the request returns; one whose failure may pass is repeated, each time after a longer wait.

    Raises:
        DataError: it failed for good; the message says why and what to do.
    """
    for number in range(ATTEMPTS):
        try:
            return request()
        except DataError:
            raise
        except Exception as error:
            if (final := _final_error(error, shown)) is not None:
                raise final from error
            if number == ATTEMPTS - 1:
                raise DataError(
                    f"{shown!r} cannot be reached: {ATTEMPTS} attempts failed, the last with {_brief(error)}; check "
                    "the network and whether the store throttles, and run this again, which goes on where it was"
                ) from error
        time.sleep(_FIRST_WAIT * 2**number)
    raise AssertionError("a loop of no attempts")


def _final_error(error: Exception, shown: str) -> DataError | None:
    """Returns the error to raise where another attempt would fail alike, or None."""
    name = type(error).__name__
    if any(name.startswith(begin) for begin in _CREDENTIAL_ERRORS):
        return DataError(
            f"{shown!r} needs credentials ({_brief(error)}); give them as the store's own tools take them, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile"
        )
    if isinstance(error, FileNotFoundError):
        return MissingObjectError(
            f"{shown!r} does not exist ({_brief(error)}); check the bucket and the path, whose letters' case counts"
        )
    if isinstance(error, PermissionError):
        return DataError(
            f"{shown!r} may not be read ({_brief(error)}): the store may list it and yet refuse its content; ask for "
            "the right to read objects (s3:GetObject), or check the credentials"
        )
    if isinstance(error, NotADirectoryError | IsADirectoryError | TypeError):
        return DataError(f"{shown!r} is no such file or folder ({_brief(error)}); check the URL")
    return None


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
