"""Some values of a column as one file: safetensors, named by the hash of its content, a checksum for each value.

The header is read here, not by the library, whose memory maps would end the process when a file is cut short meanwhile.
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
    """Where a value lies."""

    shard: str
    begin: int
    size: int
    dtype: str
    shape: tuple[int, ...]
    check: int


def encode_shard(values: Mapping[str, ColumnValue], key: str) -> bytes:
    """A shard's content: values by address, for the column of this key."""
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
    return f"{hashlib.sha256(content).hexdigest()[:32]}.safetensors"


def shard_locations(path: Path, key: str) -> dict[str, ValueLocation]:
    """Where each value of a shard lies, from its header alone.

    Raises:
        DataError: it is torn, damaged or of another column.
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
        found = {address: _place(path.name, begin, told, checks[address]) for address, told in header.items()}
        if path.stat().st_size != max((place.begin + place.size for place in found.values()), default=begin):
            raise ValueError("it is cut short, or too long")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{str(path)!r} is damaged ({error}); {_CURE}") from error
    return found


def read_value(folder: Path, place: ValueLocation, address: str, text: bool) -> ColumnValue:
    """
    Raises:
        DataError: the file is gone, or the value is not what was written.
    """
    path = folder / place.shard
    try:
        with path.open("rb") as file:
            file.seek(place.begin)
            content = file.read(place.size)
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be read ({error.strerror}); {_CURE}") from error
    if _checksum(address, place.dtype, place.shape, content) != place.check:
        raise DataError(f"{str(path)!r} is damaged: it does not match its checksum; {_CURE}")
    array: np.ndarray = np.frombuffer(content, STORED_DTYPES[place.dtype]).reshape(place.shape)
    return tuple(json.loads(array.tobytes())) if text else array.copy()


def is_shard_intact(path: Path) -> bool:
    """Whether the whole file still is what it was named after."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:32] == path.stem
    except OSError:
        return False


def _array(value: ColumnValue) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    return np.frombuffer(json.dumps(list(value), ensure_ascii=False).encode(), np.uint8)


def _place(shard: str, begin: int, told: Any, check: int) -> ValueLocation:
    shape, (first, last) = tuple(map(int, told["shape"])), told["data_offsets"]
    size = math.prod(shape) * np.dtype(STORED_DTYPES[told["dtype"]]).itemsize
    if min(shape, default=0) < 0 or first < 0 or last - first != size:
        raise ValueError("its header contradicts itself")
    return ValueLocation(shard, begin + first, size, told["dtype"], shape, int(check))


def _checksum(address: str, dtype: str, shape: tuple[int, ...], content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(f"{address} {dtype} {shape}".encode()))
