"""Files of 16 bits a channel and of other kinds that Pillow reads but does not write."""

import struct
import zlib
from pathlib import Path

import numpy as np

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
"""Colour types of PNG."""
COLOUR_TYPES = {1: GREY, 2: GREY_ALPHA, 3: RGB, 4: RGBA}


def write_png16(path: Path, values: np.ndarray) -> Path:
    """A PNG of 16 bits a channel, of values [h, w, bands]."""
    height, width, bands = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[bands], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    packed = (len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    return path


def write_tiff(path: Path, values: np.ndarray, deflate: bool = False, orientation: int = 1, order: str = "<") -> Path:
    """A TIFF of one strip, of values [h, w, bands] in their own type; bands beyond three are of unknown meaning."""
    height, width, bands = values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if deflate else data
    kind = 3 if values.dtype.kind == "f" else 1
    tags: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (8 * values.itemsize,) * bands, 259: (8 if deflate else 1,),
        262: (1 if bands == 1 else 2,), 273: (0,), 274: (orientation,), 277: (bands,), 278: (height,),
        279: (len(data),), 338: (0,) * max(0, bands - 3), 339: (kind,) * bands,
    }  # fmt: skip
    tags = {tag: numbers for tag, numbers in tags.items() if numbers}
    beyond = 8 + 2 + 12 * len(tags) + 4
    start = beyond + sum(4 * len(numbers) for numbers in tags.values() if len(numbers) > 1)
    entries, numbers_beyond = b"", b""
    for tag, numbers in ({**tags, 273: (start,)}).items():
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        place = packed if len(numbers) == 1 else struct.pack(f"{order}I", beyond + len(numbers_beyond))
        numbers_beyond += packed if len(numbers) > 1 else b""
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + place
    mark = b"II" if order == "<" else b"MM"
    directory = struct.pack(f"{order}H", len(tags)) + entries + b"\0\0\0\0"
    path.write_bytes(mark + struct.pack(f"{order}HI", 42, 8) + directory + numbers_beyond + data)
    return path
