"""Arrays of numbers in files: .npy, .npz and .pfm, whose size is known from their headers before memory is taken.

Code in a file is never run.
"""

import io
import lzma
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import cast

import numpy as np
from numpy.lib import format as npy

from seglet.files import DataError, read_bytes

CheckHeader = Callable[[tuple[int, ...], "np.dtype[np.generic]"], None]
"""Raises DataError for a shape and type of numbers that are not wanted; called before the numbers are read."""

_BROKEN = (
    OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError,
    RuntimeError, SyntaxError, tokenize.TokenError, TypeError, OverflowError, MemoryError, struct.error,
)  # fmt: skip
"""Errors of archives, and of NumPy's header, which is read as a literal of Python."""
_PFM_HEADER = re.compile(rb"P([fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+.0-9eE]{1,32})\s")


def read_array(path: Path, check: CheckHeader, name: str | None = None) -> np.ndarray:
    """Reads an array of numbers of a regular file.

    Args:
        path: `.npy`, `.npz` or `.pfm`, by its suffix.
        check: see `CheckHeader`.
        name: of the array in a `.npz` file that holds several.

    Raises:
        DataError: the file is damaged, holds something else, or `check` refuses it.
    """
    content = read_bytes(path)
    try:
        if path.suffix.lower() == ".npz":
            return _of_archive(content, path, check, name)
        if path.suffix.lower() == ".pfm":
            return _of_pfm(content, path, check)
        return _of_npy(io.BytesIO(content), len(content), path, check)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(f"{str(path)!r} is no file of numbers ({error}); save it with numpy.save") from error


def _of_npy(file: io.BufferedIOBase, length: int, path: Path, check: CheckHeader) -> np.ndarray:
    """Reads the format of NumPy from `length` bytes, as many as its header says."""
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, columns_first, kind = read_header(file)
    if kind.hasobject or kind.kind not in "biuf":
        raise DataError(f"{str(path)!r} holds {kind}, expected numbers; save an array of floats or integers")
    check(shape, kind)
    expected = prod(shape) * kind.itemsize
    left = length - file.tell()
    if left != expected:
        raise DataError(
            f"{str(path)!r} says to hold {list(shape)} {kind}, {expected} bytes, and has {left}; save it again"
        )
    numbers = np.frombuffer(file.read(expected), kind)
    return numbers.reshape(shape, order="F" if columns_first else "C")


def _of_archive(content: bytes, path: Path, check: CheckHeader, name: str | None) -> np.ndarray:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
        if name not in members and len(members) != 1:
            called = f"none called {name!r}" if name else "expected one"
            raise DataError(f"{str(path)!r} holds {len(members)} arrays, {called}: {', '.join(list(members)[:5])}")
        member = members[name if name is not None and name in members else next(iter(members))]
        with archive.open(member) as file, io.BufferedReader(cast("io.RawIOBase", file)) as buffered:
            return _of_npy(buffered, member.file_size, path, check)


def _of_pfm(content: bytes, path: Path, check: CheckHeader) -> np.ndarray:
    """Reads a portable float map: rows from the bottom to the top; a negative scale means little-endian numbers."""
    found = _PFM_HEADER.match(content)
    if found is None:
        raise DataError(f"{str(path)!r} is no portable float map: it starts with {content[:12]!r}")
    columns, rows, channels = int(found[2]), int(found[3]), 3 if found[1] == b"F" else 1
    kind: np.dtype[np.generic] = np.dtype("<f4" if float(found[4]) < 0 else ">f4")
    shape = (rows, columns, channels) if channels > 1 else (rows, columns)
    check(shape, kind)
    expected = 4 * prod(shape)
    if len(content) - found.end() != expected:
        raise DataError(
            f"{str(path)!r} says to hold {columns}x{rows} floats, {expected} bytes, and has "
            f"{len(content) - found.end()}; export it again"
        )
    return np.frombuffer(content, kind, offset=found.end()).reshape(shape)[::-1]
