"""Common ground of all tools: safe file names, and annotations decoded one image at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seglet.data.errors import DataError
from seglet.data.label_tools.regions import AnnotatedImage
from seglet.images import MAX_PIXELS

FORMAT_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""Exceptions raised when a file has another form than expected; DataError is a ValueError."""


@dataclass(frozen=True)
class ToolAnnotations:
    """Content of a tool's file: its list of classes, possibly empty, and one entry per image.

    `decode` turns the name and entry of an image into its regions, and raises one of FORMAT_ERRORS if it cannot.
    """

    source: Path
    names: tuple[str, ...]
    entries: tuple[tuple[str, object], ...]
    decode: Callable[[str, object], AnnotatedImage]

    def images(self) -> Iterator[AnnotatedImage]:
        """Yields the images with their regions.

        Raises:
            DataError: a region cannot be drawn; names file and image.
        """
        yield from (self._decoded(file, entry) for file, entry in self.entries)

    def image(self, file: str) -> AnnotatedImage:
        """Returns one image by its file name; see `images`."""
        return self._decoded(file, dict(self.entries)[file])

    def _decoded(self, file: str, entry: object) -> AnnotatedImage:
        try:
            return self.decode(file, entry)
        except FORMAT_ERRORS as error:
            raise DataError(f"{str(self.source)!r}, image {file!r}: {error}; export it again") from error


def safe_image_path(name: str) -> str:
    """Returns the path of an image relative to its folder, with forward slashes.

    Raises:
        DataError: the path leaves the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise DataError(f"image {name!r} lies outside the data set; use a path below its folder")
    return path.as_posix()


def checked_size(height: object, width: object) -> tuple[int, int]:
    """Returns the size (h, w) as whole numbers.

    Raises:
        DataError: it is empty, or too large to be read.
    """
    found = int(str(height)), int(str(width))
    if min(found) < 1 or found[0] * found[1] > MAX_PIXELS:
        raise DataError(f"size {found} was claimed; at most {MAX_PIXELS} pixels are allowed")
    return found


def unique_images(images: Iterable[tuple[str, object]], source: Path) -> tuple[tuple[str, object], ...]:
    """Returns the images and their entries.

    Raises:
        DataError: two images would have the same mask file.
    """
    found = tuple(images)
    known: dict[str, str] = {}
    for file, _ in found:
        stem = PurePosixPath(file).with_suffix("").as_posix().casefold()
        if stem in known:
            raise DataError(f"{str(source)!r} holds {known[stem]!r} and {file!r}, whose masks would have one name; "
                            "rename one of them, or keep one task of each image")  # fmt: skip
        known[stem] = file
    return found
