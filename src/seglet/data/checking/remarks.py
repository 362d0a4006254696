"""Remarks about the files of a data set that can be used, but hold more, or less, than is read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from seglet.data.checking.file_facts import FileFacts
from seglet.data.description import SIXTEEN_BITS
from seglet.data.errors import Problem
from seglet.images import WhiteLevels

_NEARLY_BLACK = 16
"""Level of 255 that 99.9 % of the values of a nearly black image do not reach."""


@dataclass(frozen=True)
class ScannedFile:
    """A file by the name that it is shown by, with its facts; `masked` is True for an image that has a mask."""

    name: str
    facts: FileFacts
    masked: bool = False


def shared_white_levels(images: Collection[FileFacts]) -> WhiteLevels | None:
    """Returns the white levels that all images of a data set share, the largest that one of them has.

    None if no image holds floats or more than 8 bits.
    """
    whites = {
        kind: max((facts.used.white for facts in images if facts.used.kind == kind), default=None)
        for kind in ("integers", "floats")
    }
    return WhiteLevels(**whites) if any(whites.values()) else None


def file_remarks(images: Sequence[ScannedFile], masks: Sequence[ScannedFile], whites: WhiteLevels) -> list[Problem]:
    """Returns a warning for each kind of remark, with the number of files and an example."""
    pages = [*_pages(images, "images"), *_pages(masks, "masks")]
    return [*_ranges(images, whites), *_nearly_black(images, whites), *pages, *_bands(images), *_turned(images)]


def _ranges(images: Sequence[ScannedFile], whites: WhiteLevels) -> list[Problem]:
    """Returns a warning if floats, or integers of more than 8 bits that use less than 16, were found."""
    found = []
    deep = [file for file in images if file.facts.used.kind == "integers"]
    if deep and whites.integers != SIXTEEN_BITS.integers:
        bits = (whites.integers or 0).bit_length()
        what = (
            f"{bits} bits of 16 are in use: {_some_of(deep, images)}, whose largest value is {_largest(deep):g}; in "
            f"all of them {whites.integers} becomes white"
        )
        found.append(Problem("images", what, "if white is another value, scale the files to 16 bits before", "warning"))
    floats = [file for file in images if file.facts.used.kind == "floats"]
    if floats:
        what = f"floats: {_some_of(floats, images)}, whose largest value is {_largest(floats):g}; in all of them "
        what += f"{whites.floats} becomes white"
        found.append(Problem("images", what, "if white is another value, scale the files to 0..1 before", "warning"))
    return found


def _nearly_black(images: Sequence[ScannedFile], whites: WhiteLevels) -> list[Problem]:
    dark = []
    for file in images:
        used = file.facts.used
        white = 255 if used.kind == "bytes" else whites.of_image(used.white, used.kind == "floats")
        if used.bright * 255 < _NEARLY_BLACK * white:
            dark.append(file)
    if not dark:
        return []
    what = f"nearly black: {_some_of(dark, images)}; 99.9 % of their values are below {_NEARLY_BLACK} of 255 levels"
    cure = "if they lost their range when they were exported, use the originals; for scenes in the dark, seglet enhance"
    return [Problem("images", what, cure, "warning")]


def _pages(files: Sequence[ScannedFile], role: str) -> list[Problem]:
    paged = [file for file in files if file.facts.header.pages > 1]
    if not paged:
        return []
    total = sum(file.facts.header.pages for file in paged)
    what = (
        f"several pages or frames: {_some_of(paged, files, role)}; of each the first is read, so {total - len(paged)} "
        f"of {total} are not used"
    )
    return [Problem(role, what, "to use them all, save each page as a file of its own", "warning")]


def _bands(images: Sequence[ScannedFile]) -> list[Problem]:
    found = []
    for bands in sorted({file.facts.header.bands for file in images} - {""}):
        read = "converted to RGB" if bands.startswith("CMYK") else "only grey, or red, green and blue are read"
        if "alpha" in bands or "transparency" in bands:
            read = "transparency is dropped, and the colours stored under it are used"
        of = [file for file in images if file.facts.header.bands == bands]
        cure = "if they should look otherwise, export them as RGB or grey"
        found.append(Problem("images", f"{bands}: {_some_of(of, images)}; {read}", cure, "warning"))
    return found


def _turned(images: Sequence[ScannedFile]) -> list[Problem]:
    turned = [file for file in images if file.masked and file.facts.header.turned]
    if not turned:
        return []
    what = f"turned upright by their EXIF orientation: {_some_of(turned, images)}; masks are read as they are stored"
    cure = "look with `seglet data view` whether the masks fit; if not, turn them, or save the images upright"
    return [Problem("images", what, cure, "warning")]


def _some_of(files: Sequence[ScannedFile], every: Sequence[ScannedFile], role: str = "images") -> str:
    return f"{len(files)} of {len(every)} {role}, such as {files[0].name!r}"


def _largest(files: Sequence[ScannedFile]) -> float:
    return max(file.facts.used.largest for file in files)
