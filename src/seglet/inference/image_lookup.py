"""Finds the images that a tool's file names in the folder where they lie here.

Identities are those of `seglet.data.names`: paths below the folder in NFC, two entries for one image are refused. One
rule is laxer. There `cam1/a.png` is never the image in `cam2`, as a list and its images belong to one folder. A tool
names the folders of its server or of its own uploads (`upload/17/a.png`), which say nothing about the folder here, so
a name that a single image has means this image, whatever folders stand before it. The import compares the size of the
image with that which was annotated, and refuses names that several images have.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES, image_files, image_name
from seglet.values import did_you_mean


class ImageLookup:
    """Images below a folder, to be found by their path there, by its end, or by their name alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_path: dict[str, Path] = {}
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        """Images by their path and by their name, both without suffix."""
        for path in image_files(folder):
            below = path.relative_to(folder).as_posix()
            self.by_path[_normal(below)] = self.by_path[_normal(_plain(below))] = path
            self.by_name[_normal(path.name)].append(path)
            for stem in {_normal(path.stem), _normal(PurePosixPath(_plain(below)).with_suffix("").as_posix())}:
                self.by_stem[stem].append(path)

    def has(self, names: Iterable[str]) -> bool:
        """True if one of the names means an image."""
        try:
            self.find(names)
        except DataError:
            return False
        return True

    def find(self, names: Iterable[str]) -> Path:
        """Returns the image that one of the names means.

        The longest end of a name that is the path of an image wins; else an image anywhere below the folder that alone
        has the name, or, for names without suffix, the stem.

        Raises:
            DataError: no image is meant, or several may be.
        """
        given = [_normal(name) for name in names]
        ends = [end for name in given for end in _ends(name)]
        for end in sorted(ends, key=lambda end: -end.count("/")):  # stable: of equal lengths the first name
            if end in self.by_path:
                return self.by_path[end]
            if len(same := self._without_suffix(end)) == 1 and "/" in end:
                return same[0]
        for name in given:
            last = PurePosixPath(name)
            found = self.by_name.get(last.name, []) or self._without_suffix(last.name)
            if len(found) == 1:
                return found[0]
            if found:
                first, second = (path.relative_to(self.folder).as_posix() for path in found[:2])
                raise DataError(f"{len(found)} images are called {last.name!r}, such as {first!r} and {second!r}; "
                                "rename them, or name a folder with one of them as --images")  # fmt: skip
        last_name = PurePosixPath(given[0]).name
        near = did_you_mean(last_name, self.by_name)
        raise DataError(f"0 images are called {last_name!r}; restore it, or name another --images{near}")

    def name_of(self, path: Path) -> str:
        """Returns the name of an image's mask: its path below the folder, without suffix and folders of images."""
        return _plain(image_name(path, self.folder))

    def _without_suffix(self, name: str) -> list[Path]:
        """Returns the images of a path or name that has no suffix of an image."""
        has_suffix = PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
        return [] if has_suffix else self.by_stem.get(name, [])


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _ends(name: str) -> list[str]:
    """Returns the path and what is left of it without its first folders, one by one."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _plain(below: str) -> str:
    """Returns the path without folders that only say that there are images, as in train/images/a.png."""
    *folders, name = below.split("/")
    return "/".join([folder for folder in folders if folder.lower() != "images"] + [name])
