"""Names of images: one form in which all of them are compared, and the image that a written name means.

The name of an image is its path below a folder, with forward slashes, without its file ending, in Unicode's NFC; see
`image_name`. Lists, tags, annotations and maps name images in this form or as they were written on another machine.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES, image_name
from seglet.data.layouts.roles import is_image_folder
from seglet.values import nearest_names

_SHOWN = 3
_MANY = 2000  # names: to look for the nearest among more takes too long


def written_name(text: str) -> str:
    """Returns the name of an image as a user or a tool wrote it, in the form of `image_name`.

    Backslashes become slashes; `.`, `..`, empty parts, blanks around it and the ending of an image file are left out.
    """
    return _without_suffix("/".join(_parts(text)))


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for part in unicodedata.normalize("NFC", text.strip()).replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return parts


def _ways(parts: list[str]) -> list[str]:
    """Returns the name without the ending of an image file and, as that may belong to the name, with it."""
    name = "/".join(parts)
    return list(dict.fromkeys((_without_suffix(name), name)))


def _without_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in IMAGE_SUFFIXES else name


@dataclass(frozen=True)
class NameMatch:
    """Images that a written name can mean: none, one, or several if it is ambiguous.

    `exact` is False if the written name has folders before the path of the image, such as those of another machine.
    """

    images: tuple[Path, ...]
    exact: bool = True


class ImageNames:
    """The images of a data set by every way to write their names.

    Args:
        images: the id of each image and its file.
        root: the folder of the data set; a name may be the end of the path below it, or go on above it. None: the ids
            are the paths.
    """

    def __init__(self, images: Iterable[tuple[str, Path]], root: Path | None) -> None:
        self._ends: dict[str, set[Path]] = defaultdict(set)
        self._whole: dict[str, set[Path]] = defaultdict(set)
        for identifier, path in images:
            name = image_name(path, root) if root is not None and path.is_relative_to(root) else identifier
            parts = name.split("/")
            plain = [part for part in parts[:-1] if not is_image_folder(part)] + parts[-1:]
            self._ends[identifier].add(path)
            for way in (parts, plain):
                self._whole["/".join(way)].add(path)
                for start in range(len(way)):
                    self._ends["/".join(way[start:])].add(path)

    @property
    def known(self) -> Mapping[str, object]:
        """Every end of the path of an image."""
        return self._ends

    def find(self, text: str) -> NameMatch:
        """Returns the images that a name means.

        A name is an id or the end of a path, with or without ending. A longer one, such as an absolute path, must end
        in the whole path of the image below the data set or its folder of images: `cam1/a.png` is not `cam2/a.png`.
        """
        parts = _parts(text)
        for start in range(len(parts)):
            known = self._whole if start else self._ends
            for name in _ways(parts[start:]):
                if found := known.get(name):
                    return NameMatch(self._narrowed(found, name, text), exact=start == 0)
        return NameMatch(())

    def _narrowed(self, found: set[Path], name: str, text: str) -> tuple[Path, ...]:
        """Returns the images whose whole path and whose ending were written; all, if the two contradict each other."""
        whole = found & self._whole.get(name, set())
        suffix = PurePosixPath(text.strip().replace("\\", "/")).suffix.lower()
        ending = {path for path in found if path.suffix.lower() == suffix}
        return tuple(sorted((whole & ending) or (found if whole and ending else whole or ending or found)))


@dataclass(frozen=True)
class MatchedNames:
    """Images by the written names that mean them, and the names that mean none, several, or the image of another."""

    images: Mapping[str, Path]
    missing: tuple[str, ...] = ()
    ambiguous: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    repeated: tuple[tuple[str, str], ...] = ()
    """Pairs of names that mean the same image; only the first of the two is in `images`."""


def match_names(written: Iterable[str], names: ImageNames) -> MatchedNames:
    """Returns the image of each name; a name that only matches without its first folders gives way to an exact one."""
    found = {text: names.find(text) for text in dict.fromkeys(written)}
    images: dict[str, Path] = {}
    first: dict[Path, str] = {}
    missing, repeated = [], []
    for exact in (True, False):
        taken = set(first)
        for text, match in found.items():
            if len(match.images) != 1 or match.exact != exact:
                continue
            (image,) = match.images
            if image in taken:
                missing.append(text)
            elif image in first:
                repeated.append((first[image], text))
            else:
                images[text], first[image] = image, text
    missing += [text for text, match in found.items() if not match.images]
    order = {text: place for place, text in enumerate(found)}
    ambiguous = {text: match.images for text, match in found.items() if len(match.images) > 1}
    return MatchedNames(images, tuple(sorted(missing, key=order.__getitem__)), ambiguous, tuple(repeated))


class NamedFiles:
    """Files that belong to images, one each, looked up by the id of the image; no file is given to two images.

    Args:
        files: the name of each file, in the form of `image_name`, and the file.
        kind: what a file is called in messages, such as "depth map".
    """

    def __init__(self, files: Iterable[tuple[str, Path]], kind: str) -> None:
        self._names = ImageNames(files, None)
        self._kind = kind
        self._given: dict[Path, str] = {}

    def of(self, identifier: str) -> Path | None:
        """Returns the file of an image, or None if there is none.

        Raises:
            DataError: several files have its name, or the file was given to an image in another folder.
        """
        match = self._names.find(identifier)
        if len(match.images) > 1:
            shown = first_names(map(str, match.images))
            raise DataError(
                f"there is no {self._kind} of {identifier!r} alone: {shown} have its name; keep one, or name them with "
                "the folders of the images"
            )
        if not match.images:
            return None
        (file,) = match.images
        if not match.exact and self._given.setdefault(file, identifier) != identifier:
            raise DataError(
                f"{self._kind} {str(file)!r} could be of {self._given[file]!r} and of {identifier!r}; put it into a "
                "folder as the image is"
            )
        return file


def first_names(names: Iterable[str]) -> str:
    """Returns the first three names as text."""
    every = list(names)
    return ", ".join(map(repr, every[:_SHOWN])) + (", …" if len(every) > _SHOWN else "")


def nearest_image_name(name: str, others: Iterable[str]) -> str | None:
    """Returns the most similar name, or None if no name is similar or there are too many to compare."""
    every = list(others)
    near = nearest_names(written_name(name), every, least=0.8) if len(every) <= _MANY else []
    return near[0] if near else None
