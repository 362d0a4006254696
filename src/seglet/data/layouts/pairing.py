"""Pairing of the images of a folder with masks in another, or with masks that lie among them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from seglet.data.description import ImageItem
from seglet.data.errors import Problem
from seglet.data.files import image_files, image_name
from seglet.data.layouts.found import ImageMaskPairs
from seglet.data.layouts.name_pairing import NamePairing, pair_names
from seglet.data.layouts.patterns import NamePattern, apply_pattern
from seglet.data.layouts.twins import find_masks_of_equal_name, find_twins


def pair_folders(images: Path, masks: Path | None, pattern: NamePattern | None = None) -> ImageMaskPairs:
    """Pairs the images of one folder with the masks of another by name, and reports those without a unique partner.

    Without a folder of masks, or if it is that of the images, masks are searched among the images: by the `pattern`, or
    by usual endings and few values.
    """
    if masks is None or masks == images:
        return _pair_within(images, pattern)
    problems: list[Problem] = []
    by_name = _unique((path for path in image_files(images) if masks not in path.parents), images, problems)
    mask_of = _unique(image_files(masks), masks, problems)
    pairing = pair_names(list(by_name), list(mask_of), pattern)
    return _paired(by_name, mask_of, pairing, masks, problems)


def _pair_within(images: Path, pattern: NamePattern | None) -> ImageMaskPairs:
    """Pairs images with masks in the same folder; an image without a mask is no problem if none has one."""
    problems: list[Problem] = []
    paths = image_files(images)
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        groups[image_name(path, images)].append(path)
    beside = find_masks_of_equal_name(groups)
    by_name = _unique((path for path in paths if path not in beside.values()), images, problems)
    if pattern is None:
        twins = {image: mask for mask, image in find_twins(by_name).items()}
    else:
        twins = apply_pattern(pattern, list(by_name), list(by_name))
    mask_of = {mask: by_name.pop(mask) for mask in set(twins.values()) if mask in by_name}
    mask_of |= {name: beside[name] for name in by_name if name in beside and name not in twins}
    twins |= {name: name for name in by_name if name in beside and name not in twins}
    if not mask_of:
        if pattern is not None:
            what = f"no file in it is called {str(pattern)!r} after another"
            problems.append(Problem(str(images), what, "correct the pattern, or give the folder of --masks"))
        return ImageMaskPairs(tuple(ImageItem(name, path) for name, path in by_name.items()), tuple(problems))
    pairing = NamePairing({name: mask for name, mask in twins.items() if name in by_name})
    return _paired(by_name, mask_of, pairing, images, problems)


def _paired(
    images: Mapping[str, Path], masks: Mapping[str, Path], pairing: NamePairing, folder: Path, problems: list[Problem]
) -> ImageMaskPairs:
    found = pairing.masks
    items = tuple(ImageItem(name, path, masks[found[name]] if name in found else None) for name, path in images.items())
    used = set(found.values())
    problems += (
        Problem(str(path), "mask of no image", "remove it, or restore its image", "warning")
        for name, path in masks.items()
        if name not in used
    )
    problems += pairing.doubts(str(folder), list(images), list(masks))
    return ImageMaskPairs(items, tuple(problems), tuple(item for item in items if item.mask is None))


def _unique(paths: Iterable[Path], folder: Path, problems: list[Problem]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    folded: dict[str, Path] = {}
    for path in paths:
        name = image_name(path, folder)
        if name in found:
            problems.append(Problem(str(path), f"same name as {found[name].name!r}", "rename or remove one of them"))
            continue
        twin = folded.setdefault(name.casefold(), path)
        if twin is not path:
            what = f"differs from {twin.name!r} only in capitals, which many file systems cannot keep apart"
            problems.append(Problem(str(path), what, "rename one of them", "warning"))
        found[name] = path
    return found
