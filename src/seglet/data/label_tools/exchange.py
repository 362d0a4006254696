"""Common ground of all tools: annotations decoded one image at a time, each on its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from seglet.data.errors import DataError
from seglet.data.label_tools.regions import AnnotatedImage
from seglet.data.layouts.fields import wording

FORMAT_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)
"""Exceptions raised when a file has another form than expected; DataError is a ValueError."""

Size = tuple[int, int]
"""Rows and columns of an image."""


@dataclass(frozen=True)
class AnnotationEntry:
    """An image as a tool's file names it.

    Args:
        file: path of the image, relative and with forward slashes.
        content: what the file holds about the image.
        others: names that the image may have instead, in the order in which they are tried.
        note: what should be said of the image if it is not found.
        problem: reason for which the entry cannot be used.
        pending: reason for which the image has no annotation yet, such as that nobody saw it.
    """

    file: str
    content: Any = None
    others: tuple[str, ...] = ()
    note: str = ""
    problem: str = ""
    pending: str = ""


@dataclass(frozen=True)
class ToolAnnotations:
    """Content of a tool's file: its list of classes, possibly empty, and one entry per image.

    `decode` turns an entry into its regions, and raises one of FORMAT_ERRORS if it cannot; the size of the image is
    given if it is known, and needed if the file does not state it. `passed_over` counts what belongs to no image.
    """

    source: Path
    names: tuple[str, ...]
    entries: tuple[AnnotationEntry, ...]
    decode: Callable[[AnnotationEntry, Size | None], AnnotatedImage]
    passed_over: Mapping[str, int] = field(default_factory=dict)

    def images(self) -> Iterator[AnnotatedImage]:
        """Yields the images that have annotations, with their regions.

        Raises:
            DataError: an image cannot be decoded; names file and image.
        """
        yield from (self.image(entry) for entry in self.entries if not entry.pending)

    def image(self, entry: AnnotationEntry, size: Size | None = None) -> AnnotatedImage:
        """Returns the regions of one entry; `size` is that of the image, if it is known.

        Raises:
            DataError: it cannot be decoded; names file and image.
        """
        try:
            if problem := entry.problem or entry.pending:
                raise DataError(problem)
            return self.decode(entry, size)
        except FORMAT_ERRORS as error:
            raise DataError(f"{str(self.source)!r}, image {entry.file!r}: {wording(error)}") from error


def settled_size(stated: Size | None, known: Size | None) -> Size:
    """Returns the size that the file states, else that of the image itself.

    Raises:
        DataError: neither is known.
    """
    size = stated or known
    if size is None:
        raise DataError("its size is stated nowhere; give the folder of the images with --images")
    return size


def mask_name(file: str) -> str:
    """Returns the name of an image's mask: the path of the image without its suffix."""
    return PurePosixPath(file).with_suffix("").as_posix()
