"""Masks that lie among the images, recognised by their names and their few values."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seglet.data.files import image_files, image_name
from seglet.data.layouts.patterns import without_known_ending
from seglet.data.pixel_limit import current_pixel_limit
from seglet.images import DECODING_ERRORS, open_content

_SAMPLE = 6
_SIDE = 256
_VALUES = 16
_SHARE = 0.95
"""Share of a mask's pixels that its 16 commonest values cover at least."""


def find_twins(files: Mapping[str, Path]) -> dict[str, str]:
    """Returns the masks among some files, by name, with the name of the image of each.

    A mask is called like another file with an ending such as `_mask`; some of them are opened, and all must hold few
    values.
    """
    loose: dict[str, list[str]] = {}
    for name in files:
        loose.setdefault(name.casefold(), []).append(name)
    twins: dict[str, str] = {}
    for name in files:
        plain = without_known_ending(name)
        owners = [] if plain is None else [plain] if plain in files else loose.get(plain.casefold(), [])
        if len(owners) == 1:
            twins[name] = owners[0]
    return twins if hold_few_values(files[name] for name in sorted(twins)) else {}


def find_masks_of_equal_name(groups: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """Returns the mask of each name that two files have, such as a.png beside a.jpg.

    The masks are all files of the one ending that holds few values, as some of them show, while the other does not.
    """
    twos = {name: files for name, files in groups.items() if len(files) == 2}
    endings = {file.suffix.lower() for files in twos.values() for file in files}
    few = {
        ending
        for ending in endings
        if hold_few_values(file for files in twos.values() for file in files if file.suffix.lower() == ending)
    }
    masks = {name: [file for file in files if file.suffix.lower() in few] for name, files in twos.items()}
    return {name: files[0] for name, files in masks.items() if len(files) == 1}


def masks_beside_images(folder: Path) -> list[Path]:
    """Returns the files in a folder of images that are masks of others there, by the two rules above."""
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in image_files(folder):
        groups[image_name(path, folder)].append(path)
    beside = set(find_masks_of_equal_name(groups).values())
    by_name = {name: path for name, files in groups.items() for path in files if path not in beside}
    return sorted(beside | {by_name[mask] for mask in find_twins(by_name)})


def hold_few_values(files: Iterable[Path]) -> bool:
    """True if there are files and those of a sample hold few values, as masks do and photographs do not."""
    every = list(files)
    return bool(every) and all(map(_holds_few_values, every[:: max(1, len(every) // _SAMPLE)]))


def _holds_few_values(file: Path) -> bool:
    try:
        with open_content(file.read_bytes()) as image:
            if image.width * image.height > current_pixel_limit().pixels:
                return False
            compressed = image.format in ("JPEG", "MPO")
            values = np.array(image if image.mode in ("1", "L", "P", "I", "I;16", "RGB") else image.convert("RGB"))
    except DECODING_ERRORS:
        return False
    rows, columns = (max(1, side // _SIDE) for side in values.shape[:2])
    values = values[::rows, ::columns].astype(np.int64)
    if compressed:
        values = values // 32  # compression blurs the values, but leaves them near
    flat = values.reshape(-1, 3) @ (1, 1 << 16, 1 << 32) if values.ndim == 3 else values.ravel()
    counts = np.sort(np.unique(flat, return_counts=True)[1])[::-1]
    most = max(1, min(_VALUES, len(flat) // 8))
    return bool(counts[:most].sum() >= _SHARE * len(flat))


def folders_like_masks(root: Path, known: Collection[Path] = (), whole: bool = False) -> list[Path]:
    """Returns the folders in `root` whose files hold few values while those of others do not; JPEG is not opened.

    Folders in `known` are left out. With `whole`, `root` itself is returned if its files hold few values.
    """
    groups: dict[Path, list[Path]] = defaultdict(list)
    for path in image_files(root):
        groups[root if whole or path.parent == root else root / path.relative_to(root).parts[0]].append(path)
    likely = [folder for folder, files in groups.items() if hold_few_values(_uncompressed(files))]
    unlike = whole or len(likely) < len(groups)
    return [folder for folder in likely if folder not in known] if unlike else []


def _uncompressed(files: Iterable[Path]) -> list[Path]:
    every = list(files)
    return [] if any(file.suffix.lower() in (".jpg", ".jpeg", ".jfif", ".mpo") for file in every) else every
