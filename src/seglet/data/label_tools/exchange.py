"""What the files of all tools have in common: safe names, and images that are decoded one at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seglet.data.errors import DataError
from seglet.data.label_tools.regions import AnnotatedImage
from seglet.images import MAX_PIXELS

FORMAT_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""What comes of reading a file that is not of the form it should be; DataError is a ValueError too."""


@dataclass(frozen=True)
class ToolAnnotations:
    """What a tool's file holds: the classes it lists, if it lists any, and its images.

    `decode` makes an image's regions of its entry, and raises one of BROKEN where it cannot.
    """

    source: Path
    names: tuple[str, ...]
    entries: tuple[tuple[str, object], ...]
    decode: Callable[[str, object], AnnotatedImage]

    def images(self) -> Iterator[AnnotatedImage]:
        """
        Raises:
            DataError: a region cannot be drawn; names file and image.
        """
        yield from (self._decoded(file, entry) for file, entry in self.entries)

    def image(self, file: str) -> AnnotatedImage:
        """One image; see `images`."""
        return self._decoded(file, dict(self.entries)[file])

    def _decoded(self, file: str, entry: object) -> AnnotatedImage:
        try:
            return self.decode(file, entry)
        except FORMAT_ERRORS as error:
            raise DataError(f"{str(self.source)!r}, image {file!r}: {error}; export it again") from error


def safe_image_path(name: str) -> str:
    """The path of an image below its folder.

    Raises:
        DataError: it leads outside.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise DataError(f"image {name!r} lies outside the data set; use a path below its folder")
    return path.as_posix()


def checked_size(height: object, width: object) -> tuple[int, int]:
    """
    Raises:
        DataError: no image has this size, or one too large to be read.
    """
    found = int(str(height)), int(str(width))
    if min(found) < 1 or found[0] * found[1] > MAX_PIXELS:
        raise DataError(f"size {found} was claimed; at most {MAX_PIXELS} pixels are allowed")
    return found


def unique_images(images: Iterable[tuple[str, object]], source: Path) -> tuple[tuple[str, object], ...]:
    """
    Raises:
        DataError: two images would have the same mask.
    """
    found = tuple(images)
    seen: dict[str, str] = {}
    for file, _ in found:
        stem = PurePosixPath(file).with_suffix("").as_posix().casefold()
        if stem in seen:
            raise DataError(f"{str(source)!r} holds {seen[stem]!r} and {file!r}, whose masks would have one name; "
                            "rename one of them, or keep one task of each image")  # fmt: skip
        seen[stem] = file
    return found
