"""Segments a PNG with an exported network, using onnxruntime and numpy alone: no PyTorch, no seglet.

    pip install numpy onnxruntime
    python segment_with_numpy.py model.onnx image.png mask.png

`seglet export` writes the network; the file of its --with-preprocess, model.uint8.onnx, will do as well. The mask is a
palette PNG in the colours of the classes. Images are 8-bit PNGs without interlacing, because Python can read these by
itself; with another library for images, `segment` takes any array [h, w, 3] of 0 to 255.
"""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import onnxruntime

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Numbers per pixel, by colour type: grey, RGB, palette, grey and alpha, RGB and alpha."""


class Segmenter:
    """Network loaded from an exported file."""

    def __init__(self, file: str) -> None:
        self.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        metadata = self.session.get_modelmeta().custom_metadata_map
        if not metadata.get("format", "").startswith("seglet-onnx") or not json.loads(metadata["whole"]):
            raise SystemExit(f"{file} was not written by `seglet export`, or its logits are not yet masks")
        preprocessing = json.loads(metadata["preprocessing"])
        self.inside = preprocessing.get("inside", False)
        if preprocessing.get("planes", 3) != 3:
            raise SystemExit(f"{file} takes depth as a fourth plane; this example has none")
        table = json.loads(metadata["classes"])
        self.names = [entry["name"] for entry in table]
        self.palette = np.array([entry["colour"] for entry in table], np.uint8)
        self.size = json.loads(metadata["size"])
        self.smallest = preprocessing.get("smallest_side", 1)

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Returns the class of each pixel of an image [h, w, 3] of 0 to 255; the network normalises it itself."""
        height, width = image.shape[:2]
        if self.size is not None and [height, width] != self.size:
            raise SystemExit(f"this network takes images of {self.size[0]}x{self.size[1]} (rows, columns)")
        if self.inside:
            return self.session.run(["labels"], {"images": image[None]})[0][0]
        below, right = max(0, self.smallest - height), max(0, self.smallest - width)
        padded = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
        images = padded.transpose(2, 0, 1)[None].astype(np.float32) / 255
        logits = self.session.run(["logits"], {"images": images})[0]
        return logits[0, :, :height, :width].argmax(axis=0).astype(np.uint8)


def read_png(file: str) -> np.ndarray:
    """Reads an image as RGB [h, w, 3] of 0 to 255; transparency is dropped."""
    content = Path(file).read_bytes()
    if content[:8] != SIGNATURE:
        raise SystemExit(f"{file} is no PNG")
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        chunks[kind] = chunks.get(kind, b"") + content[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or interlaced:
        raise SystemExit(f"{file} is interlaced or has {depth} bits a channel; save it plainly with 8")
    rows = unfiltered(zlib.decompress(chunks[b"IDAT"]), height, width * CHANNELS[colour], CHANNELS[colour])
    pixels = rows.reshape(height, width, CHANNELS[colour])
    if colour == 3:
        return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[..., 0]]
    return pixels[..., :3] if colour in (2, 6) else pixels[..., :1].repeat(3, axis=2)


def unfiltered(data: bytes, height: int, stride: int, step: int) -> np.ndarray:
    """Inverts the row filters of PNG: differences to the left, above, their mean, or the nearest of three."""
    lines = np.frombuffer(data, np.uint8).reshape(height, stride + 1)
    rows = np.zeros((height + 1, stride + step), np.int64)
    for place, (kind, line) in enumerate(zip(lines[:, 0], lines[:, 1:], strict=True), start=1):
        above, row = rows[place - 1], rows[place]
        if kind in (0, 2):
            row[step:] = line if kind == 0 else (line + above[step:]) & 255
            continue
        for x in range(step, stride + step):
            left, up, corner = int(row[x - step]), int(above[x]), int(above[x - step])
            guess = left if kind == 1 else (left + up) // 2 if kind == 3 else nearest(left, up, corner)
            row[x] = (int(line[x - step]) + guess) & 255
    return rows[1:, step:].astype(np.uint8)


def nearest(left: int, up: int, corner: int) -> int:
    """Computes Paeth's predictor, from the PNG specification."""
    estimate = left + up - corner
    return min((left, up, corner), key=lambda value: abs(estimate - value))


def write_png(file: str, labels: np.ndarray, palette: np.ndarray) -> None:
    """Writes labels [h, w] as a palette PNG."""
    height, width = labels.shape
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = labels
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    Path(file).write_bytes(SIGNATURE + b"".join(chunks))


def main() -> None:
    if len(sys.argv) != 4:
        raise SystemExit("usage: python segment_with_numpy.py model.onnx image.png mask.png")
    model, image, mask = sys.argv[1:]
    segmenter = Segmenter(model)
    labels = segmenter.segment(read_png(image))
    write_png(mask, labels, segmenter.palette)
    shares = np.bincount(labels.ravel(), minlength=len(segmenter.names)) / labels.size
    for name, share in zip(segmenter.names, shares, strict=True):
        if share:
            sys.stdout.write(f"{100 * share:5.1f} %  {name}\n")


if __name__ == "__main__":
    main()
