"""Folder of images drawn for the classes, with a record of their seeds: what is drawn, rejected or replaced."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from seglet.data.prompts.class_prompts import readable_name
from seglet.files import DataError, file_sha256, read_json, write_atomically, write_json

_RECORD = "drawn.json"
_SEED = "seglet-seed"
_NEXT_SEED = 1_000_000
"""Distance from the seed of a rejected image to that of the next attempt; more than there are images of a class."""


@dataclass(frozen=True)
class ImageToDraw:
    """An image that is not there: its file, its class, and the seed to draw it with."""

    file: Path
    name: str
    seed: int


class DrawnImages:
    """Images of the classes in a folder of `root` that is named by a hash of the settings they are drawn with.

    A file that was drawn and is gone was rejected: it is drawn again with another seed. A file with another content
    than was drawn is the user's own.
    """

    def __init__(self, root: Path, settings: Mapping[str, Any], words: Mapping[str, str], count: int) -> None:
        """Reads the record of the folder.

        Args:
            root: folder in which the folder is, or will be.
            settings: all that decides the images but their words; with the first `seed`.
            words: the words that each class is drawn by, by its name.
            count: images per class.
        """
        text = json.dumps(dict(settings), sort_keys=True)
        self.folder = root / f"generated-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        self.settings = dict(settings)
        self.words = dict(words)
        self.count = count
        self.seed = int(settings["seed"])
        self._record = _read_record(self.folder / _RECORD)

    @property
    def files(self) -> list[list[Path]]:
        """The files of each class, present or not."""
        folders = [self.folder / class_folder(name, words) for name, words in self.words.items()]
        return [[folder / f"{index:04d}.png" for index in range(self.count)] for folder in folders]

    def missing(self) -> list[ImageToDraw]:
        """Returns the images to draw."""
        return [
            ImageToDraw(file, name, self._planned_seed(file, self.seed + index))
            for name, files in zip(self.words, self.files, strict=True)
            for index, file in enumerate(files)
            if not file.is_file()
        ]

    def rejected(self) -> int:
        """Returns the number of images that were drawn and are gone."""
        return sum(self._key(one.file) in self._record for one in self.missing())

    def changes(self) -> dict[str, Any]:
        """Returns the seed of each image that was rejected, and the hash of each that is the user's own, by file."""
        found: dict[str, Any] = {}
        for files in self.files:
            for index, file in enumerate(files):
                state = self._state(file, self.seed + index)
                if state != self.seed + index:
                    found[self._key(file)] = state
        return found

    def write(self, one: ImageToDraw, image: np.ndarray) -> None:
        """Writes a drawn image, uint8 [h, w, 3]; it is recorded with the next call of `record`."""
        about, content = PngImagePlugin.PngInfo(), BytesIO()
        about.add_text(_SEED, str(one.seed))
        Image.fromarray(image).save(content, format="PNG", pnginfo=about)
        write_atomically(one.file, content.getvalue())

    def record(self, drawn: Sequence[ImageToDraw] = ()) -> None:
        """Records images that were written, and those that an interrupted process wrote without recording them."""
        known = {self._key(one.file): one.seed for one in drawn}
        for file in [] if drawn else sorted(self.folder.glob("*/[0-9]*.png")):
            if self._key(file) not in self._record and file.stem.isdecimal():
                seed = self._written_seed(file, self.seed + int(file.stem))
                known |= {} if seed is None else {self._key(file): seed}
        if not known:
            return
        for key, seed in known.items():
            file = self.folder / key
            self._record[key] = {"seed": seed, "sha256": file_sha256(file), **_stamp(file)}
        write_json(self.folder / _RECORD, {"settings": self.settings, "images": self._record})

    def _state(self, file: Path, seed: int) -> int | str:
        """Returns the seed that an image is or will be drawn with, or the hash of the user's own."""
        if not file.is_file():
            return self._planned_seed(file, seed)
        entry = self._record.get(self._key(file))
        if entry is None:
            written = self._written_seed(file, seed)
            return file_sha256(file) if written is None else written
        if all(entry.get(key) == value for key, value in _stamp(file).items()):
            return int(entry["seed"])
        content = file_sha256(file)
        return int(entry["seed"]) if content == entry["sha256"] else content

    def _planned_seed(self, file: Path, seed: int) -> int:
        entry = self._record.get(self._key(file))
        return seed if entry is None else int(entry["seed"]) + _NEXT_SEED

    def _written_seed(self, file: Path, seed: int) -> int | None:
        """Returns the seed of a file that is not recorded: all are, where there is no record, as of older versions."""
        if not self._record:
            return seed
        try:
            with Image.open(file, formats=["PNG"]) as image:
                return int(image.info[_SEED])
        except (OSError, ValueError, KeyError):
            return None

    def _key(self, file: Path) -> str:
        return file.relative_to(self.folder).as_posix()


def class_folder(name: str, words: str) -> str:
    """Returns a folder name for a class: its letters and digits, and a hash, for names may hold any character.

    Words other than the plain name are part of the hash.
    """
    plain = "".join(letter if letter.isalnum() else "-" for letter in name)
    text = name if words == readable_name(name) else f"{name}\n{words}"
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _stamp(file: Path) -> dict[str, int]:
    about = file.stat()
    return {"bytes": about.st_size, "mtime_ns": about.st_mtime_ns}


def _read_record(file: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file():
        return {}
    try:
        return {str(key): {**entry, "seed": int(entry["seed"])} for key, entry in read_json(file)["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{str(file)!r} is damaged ({error}); delete it, and the images count as drawn") from error
