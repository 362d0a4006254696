"""Images given to a command, and the names of their results."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from seglet.data.files import image_files, image_name
from seglet.images import MAX_PIXELS, OWN_RANGE, RAW_SUFFIXES, TooLargeError, WhiteLevels, read_image
from seglet.images.channels import read_channels
from seglet.images.value_range import Channel

_LIMIT_OPTION = "--max-pixels {}"


@dataclass(frozen=True)
class ImageFile:
    """An image file and the name of its results: without ending, relative to their folder and never outside it.

    An image that is drawn (`draw`) has no file; its `path` only names it. Images of more than 8 bits are scaled by
    `whites`, or by the range that each uses. Files of more than `max_pixels` pixels are refused, with the
    option that raises the limit. With `channels` the image holds these, which are read as stored.
    """

    path: Path
    name: str
    draw: Callable[[], Shaped[np.ndarray, "h w c"]] | None = None
    whites: WhiteLevels = OWN_RANGE
    max_pixels: int = MAX_PIXELS
    limit_option: str = _LIMIT_OPTION
    channels: tuple[Channel, ...] | None = None

    def read(self) -> Shaped[np.ndarray, "h w c"]:
        """Reads or draws the image.

        Raises:
            DataError: the file does not exist or is no image.
        """
        if self.draw is not None:
            return self.draw()
        if self.channels is not None:
            try:
                return read_channels(self.path, self.channels, self.max_pixels).values
            except TooLargeError as error:
                raise error.with_cure(self.limit_option) from error
        return read_allowed(self.path, self.max_pixels, self.whites, self.limit_option)


def read_allowed(
    path: Path, max_pixels: int, whites: WhiteLevels = OWN_RANGE, limit_option: str = _LIMIT_OPTION
) -> UInt8[np.ndarray, "h w 3"]:
    """Reads an image that a command was given.

    Raises:
        DataError: it does not exist, is no image, or has more than `max_pixels` pixels; the message names the option.
    """
    try:
        return read_image(path, max_pixels, whites=whites)
    except TooLargeError as error:
        raise error.with_cure(limit_option) from error


def gather_images(inputs: Sequence[Path], results: Path, max_pixels: int = MAX_PIXELS) -> list[ImageFile]:
    """Returns the images in files, folders (at any depth) and text lists (one path a line), once each, by unique names.

    Images below the folder `results` are skipped: an earlier call made them.

    Raises:
        ValueError: an input is not there, or there is no image at all.
    """
    found: dict[Path, ImageFile] = {}
    for given in inputs:
        for image in _expand(given):
            if not image.path.resolve().is_relative_to(results.resolve()):
                found.setdefault(image.path.resolve(), replace(image, max_pixels=max_pixels))
    if not found:
        raw = [
            file
            for given in inputs
            if given.is_dir()
            for file in given.rglob("*")
            if file.suffix.lower() in RAW_SUFFIXES
        ]
        cure = "give images, folders or a list of paths"
        if raw:
            cure = f"but {len(raw)} raw files of a camera, such as {raw[0].name}: develop them to PNG or TIFF"
        raise ValueError(f"no images in {', '.join(map(str, inputs))}; {cure}")
    return with_unique_names(found.values())


def _expand(given: Path) -> list[ImageFile]:
    if given.is_dir():
        return [ImageFile(path, image_name(path, given)) for path in image_files(given)]
    if given.suffix.lower() in (".txt", ".lst") and given.is_file():
        return _listed(given)
    if not given.exists():
        raise ValueError(f"there is no file or folder {str(given)!r}; check the path")
    return [ImageFile(given, given.stem)]


def _listed(file: Path) -> list[ImageFile]:
    """Returns the images of a list, whose paths are relative to it; a missing file fails later, by name."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(file)!r} is not UTF-8 text; a list of images has a path a line") from error
    paths = [file.parent / line for line in lines if line and not line.startswith("#")]
    home = file.parent.resolve()
    return [ImageFile(path, _below(path.resolve(), home)) for path in paths]


def _below(path: Path, home: Path) -> str:
    return image_name(path, home) if path.is_relative_to(home) else path.stem


def with_unique_names(found: Iterable[ImageFile]) -> list[ImageFile]:
    """Returns the images with names that differ in more than case; clashing names get the ending and a number."""
    given = list(found)
    shared = Counter(image.name.casefold() for image in given)
    taken = {name for name, count in shared.items() if count == 1}
    named = []
    for image in given:
        name = image.name
        if shared[name.casefold()] > 1:
            name = _free(f"{name}_{image.path.suffix[1:].lower()}", taken)
        named.append(replace(image, name=name))
    return named


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.casefold())
    return free
