"""Writes images of 16 bits a channel, which Pillow cannot write in colour. Axes: h rows, w columns."""

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt16

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR = 2
"""Colour type of red, green and blue."""


def write_png16(path: Path, image: UInt16[np.ndarray, "h w 3"]) -> None:
    """Writes a colour PNG of 16 bits a channel (ISO/IEC 15948), each row as its difference to the one above."""
    height, width = image.shape[:2]
    rows = image.astype(">u2").view(np.uint8).reshape(height, 6 * width)
    above = np.vstack([np.zeros((1, 6 * width), np.uint8), rows[:-1]])
    filtered = np.hstack([np.full((height, 1), 2, np.uint8), rows - above])  # modulo 256
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 4)), (b"IEND", b""))
    path.write_bytes(_SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
