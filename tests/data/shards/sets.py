"""Small data sets in shards, and tars as other programs pack them."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from data.disk import pairs, text
from seglet.data.folder_dataset import describe_data
from seglet.data.shards.write_tars import PackingOptions, write_tars

SHARD = 2000
"""Bytes of a shard that holds two of the images of `packed`."""


def folder(root: Path, images: int = 6) -> Path:
    """A folder of pairs with two classes and the split train."""
    text(root / "classes.txt", "0 background", "1 cat")
    return pairs(root, "train", images)


def packed(root: Path, images: int = 6, size: int = SHARD) -> Path:
    """The shards of such a folder."""
    out = root.parent / f"{root.name}-shards"
    write_tars(describe_data(folder(root, images)), out, PackingOptions(size))
    return out


def png(array: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def foreign_tar(path: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Path:
    """A tar of Python's own library, with the members of each key by ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for key, members in samples.items():
            for ending, content in members.items():
                about = tarfile.TarInfo(f"{key}.{ending}")
                about.size = len(content)
                archive.addfile(about, io.BytesIO(content))
    return path


def foreign_sample(shade: int = 0) -> dict[str, bytes]:
    """A JPEG with a mask, tags and a caption."""
    image = np.full((6, 8, 3), shade, np.uint8)
    mask = np.repeat([[0, 1]], 4, axis=1).repeat(6, axis=0).astype(np.uint8)
    about = json.dumps({"tags": ["cat"]}).encode()
    return {"jpg": png(image, "JPEG"), "png": png(mask), "json": about, "txt": b"a cat"}
