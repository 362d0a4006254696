"""Shards: safetensors files with some values of a column, named by the hash of their content.

Each value has a checksum. The header is parsed here and not by the library, whose memory maps would kill the process if
a file were truncated meanwhile.
"""

import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seglet.data.columns.kinds import STORED_DTYPES, ColumnValue
from seglet.data.errors import DataError

SHARD_NAME = re.compile(r"[0-9a-f]{32}\.safetensors")
_LONGEST_HEADER = 100_000_000
_CURE = "run `seglet prepare` again"


@dataclass(frozen=True)
class ValueLocation:
    """Position, type and checksum of a stored value."""

    shard: str
    begin: int
    size: int
    dtype: str
    shape: tuple[int, ...]
    check: int


def encode_shard(values: Mapping[str, ColumnValue], key: str) -> bytes:
    """Returns the content of a shard that holds these values, by address, of the column with this key."""
    from safetensors.numpy import save

    arrays = {address: _array(value) for address, value in values.items()}
    names = {dtype: name for name, dtype in STORED_DTYPES.items()}
    checks = {
        address: _checksum(address, names[array.dtype.type], array.shape, array.tobytes())
        for address, array in arrays.items()
    }
    content: bytes = save(arrays, {"column": key, "checks": json.dumps(checks)})
    return content


def shard_name(content: bytes) -> str:
    """Returns the file name of a shard: the hash of its content."""
    return f"{hashlib.sha256(content).hexdigest()[:32]}.safetensors"


def shard_locations(path: Path, key: str) -> dict[str, ValueLocation]:
    """Returns the location of each value of a shard by address, from its header alone.

    Raises:
        DataError: the file is truncated, damaged or belongs to another column.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEADER:
                raise ValueError("its header is too long")
            header = json.loads(file.read(length))
        about = header.pop("__metadata__")
        if about["column"] != key:
            raise ValueError(f"it belongs to column {about['column']!r}")
        checks, begin = json.loads(about["checks"]), 8 + length
        found = {address: _location(path.name, begin, entry, checks[address]) for address, entry in header.items()}
        if path.stat().st_size != max((location.begin + location.size for location in found.values()), default=begin):
            raise ValueError("it is cut short, or too long")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); {_CURE}") from error
    return found


def read_value(folder: Path, location: ValueLocation, address: str, text: bool) -> ColumnValue:
    """Reads a value and compares it with its checksum.

    Raises:
        DataError: the file is gone, or the value is not the one that was written.
    """
    path = folder / location.shard
    try:
        with path.open("rb") as file:
            file.seek(location.begin)
            content = file.read(location.size)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); {_CURE}") from error
    if _checksum(address, location.dtype, location.shape, content) != location.check:
        raise DataError(f"{str(path)!r} is damaged: it does not match its checksum; {_CURE}")
    array: np.ndarray = np.frombuffer(content, STORED_DTYPES[location.dtype]).reshape(location.shape)
    return tuple(json.loads(array.tobytes())) if text else array.copy()


def is_shard_intact(path: Path) -> bool:
    """True if the content of the file still has the hash it is named by."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32] == path.stem
    except OSError:
        return False


def _array(value: ColumnValue) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    return np.frombuffer(json.dumps(list(value), ensure_ascii=False).encode(), np.uint8)


def _location(shard: str, begin: int, entry: Any, check: int) -> ValueLocation:
    shape, (first, last) = tuple(map(int, entry["shape"])), entry["data_offsets"]
    size = math.prod(shape) * np.dtype(STORED_DTYPES[entry["dtype"]]).itemsize
    if min(shape, default=0) < 0 or first < 0 or last - first != size:
        raise ValueError("its header contradicts itself")
    return ValueLocation(shard, begin + first, size, entry["dtype"], shape, int(check))


def _checksum(address: str, dtype: str, shape: tuple[int, ...], content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(f"{address} {dtype} {shape}".encode()))
