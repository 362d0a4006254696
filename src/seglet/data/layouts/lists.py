"""Lists of images that make up a split, such as lists/train.txt: a name on each line, which its mask may follow."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seglet.data.description import WHOLE_SPLIT, ImageItem
from seglet.data.errors import DataError, Problem
from seglet.data.files import IMAGE_SUFFIXES, image_name
from seglet.data.layouts.found import FoundLayout
from seglet.data.layouts.roles import folders_named, split_of
from seglet.data.names import ImageNames, first_names, match_names, nearest_image_name
from seglet.files import read_bytes

_ENDINGS = "|".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
_FORM = "a line holds one name, as below the folder of images; its mask may follow"
_HEADINGS = frozenset(
    {"image", "images", "img", "name", "file", "filename", "file_name", "path", "id", "image_id", "image_path"}
)


@dataclass(frozen=True)
class ListedImage:
    """Image of a line, and the rest of the line, which may be the path of its mask."""

    item: ImageItem
    rest: str = ""


@dataclass(frozen=True)
class ListedSplits:
    """Images of each list in its order, with the problems of all lists."""

    images: Mapping[Path, tuple[ListedImage, ...]]
    problems: tuple[Problem, ...]


def read_list(path: Path) -> list[str]:
    """Reads the lines of a list, without empty ones and comments.

    Raises:
        DataError: the file cannot be read, or is not text in UTF-8, or in UTF-16 as Windows saves it.
    """
    content = read_bytes(path)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"list {str(path)!r} is not UTF-8 text; save it as UTF-8") from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def resolve_lists(files: Iterable[Path], items: Iterable[ImageItem], root: Path) -> ListedSplits:
    """Finds the image of every line of the lists; names are matched as `ImageNames` does.

    A name that means no image, several, or the image of another name is a problem, an image twice in a list a warning.
    """
    by_path = {item.image: item for item in items}
    names = ImageNames(((item.id, path) for path, item in by_path.items()), root)
    lists = {file: [_reading(line, names) for line in _without_heading(read_list(file), names)] for file in files}
    matched = match_names((name for lines in lists.values() for name, _ in lines), names)
    images = dict(matched.images)
    images |= {other: images[first] for first, other in matched.repeated if names.find(other).exact}
    clashes = {other: first for first, other in matched.repeated if other not in images}
    problems: list[Problem] = []
    found: dict[Path, tuple[ListedImage, ...]] = {}
    for file, lines in lists.items():
        found[file] = tuple(ListedImage(by_path[images[name]], rest) for name, rest in lines if name in images)
        problems += _twice(file, found[file])
        for name in dict.fromkeys(name for name, _ in lines if name not in images):
            several = matched.ambiguous.get(name, ())
            problems.append(_problem(name, file, clashes.get(name), [_shown(path, root) for path in several], names))
    return ListedSplits(found, tuple(problems))


def _readings(line: str) -> Iterator[tuple[str, str]]:
    """Yields the ways to read a line as the name of an image and what follows it, the likeliest first."""
    plain = line.strip("\"'")
    for form in (rf"(.*?\.(?:{_ENDINGS}))[\"']?\s*[,;\t ]\s*(.*)", r"([^,;\t]*)[,;\t](.*)", r"(\S+)\s+(.*)"):
        if found := re.fullmatch(form, line, re.IGNORECASE):
            yield found[1].strip(" \"'"), re.split(r"[,;\t]", found[2])[0].strip(" \"'")
    yield plain, ""


def _reading(line: str, names: ImageNames) -> tuple[str, str]:
    """Returns the reading of a line that names an image; if none does, the likeliest."""
    ways = list(_readings(line))
    whole = ways[-1]
    found = {name: names.find(name) for name, _ in ways}
    for name, rest in (whole, *ways):  # a name may hold blanks and commas
        if found[name].images and found[name].exact:
            return name, rest
    return next(((name, rest) for name, rest in ways if found[name].images), ways[0])


def _without_heading(lines: list[str], names: ImageNames) -> list[str]:
    first = _reading(lines[0], names)[0] if lines else ""
    return lines[1:] if first.lower() in _HEADINGS and not names.find(first).images else lines


def _problem(name: str, file: Path, other: str | None, several: list[str], names: ImageNames) -> Problem:
    if several:
        what = f"listed in {file.name} and could be {' or '.join(map(repr, several[:3]))}"
        return Problem(name, what, "write it with its folder and its ending")
    if other is not None:
        what = f"listed in {file.name} and the same image as {other!r}, without the folder that tells them apart"
        return Problem(name, what, "keep one of them, or put the images into such folders")
    near = nearest_image_name(name, names.known)
    hint = f" (did you mean {near!r}?)" if near else ""
    what = f"listed in {file.name} but there is no such image{hint}"
    return Problem(name, what, f"restore it, or edit the list: {_FORM}")


def _twice(file: Path, images: tuple[ListedImage, ...]) -> list[Problem]:
    counts = Counter(image.item.image for image in images)
    if not (twice := [path.name for path, count in counts.items() if count > 1]):
        return []
    what = f"{len(twice)} images are on more than one line: {first_names(twice)}"
    return [Problem(str(file), what, "keep one line each, unless they are to count more often", "warning")]


def _shown(path: Path, root: Path) -> str:
    return image_name(path, root) + path.suffix if path.is_relative_to(root) else str(path)


_LIST_FOLDERS = ("lists", "splits", "ImageSets/Segmentation", ".")


def divide_by_lists(root: Path, found: FoundLayout, masks: Path | None) -> FoundLayout:
    """Returns the layout divided by lists such as lists/train.txt, or unchanged if there are none.

    A mask that a line names takes the place of the one that was paired by name.
    """
    files = _split_lists(root)
    if not files:
        return found
    items = found.splits[WHOLE_SPLIT]
    listed = resolve_lists(files, items, root)
    homes = [root, *([] if masks is None else [masks])]
    splits: dict[str, tuple[ImageItem, ...]] = {}
    problems = [*found.problems, *listed.problems]
    for file, split in files.items():
        chosen = tuple(_with_listed_mask(each, [*homes, file.parent]) for each in listed.images[file])
        chosen = tuple(replace(item, mask=None) for item in chosen) if split == "unlabelled" else chosen
        if splits.setdefault(split, chosen) != chosen:
            twin = next(other for other, name in files.items() if name == split)
            what, cure = f"another list of the split {split} than {_below(twin, root)}", "keep one of the two"
            problems.append(Problem(str(file), what, cure))
    used = {item.mask for chosen in splits.values() for item in chosen}
    problems = [problem for problem in problems if Path(problem.file) not in used]
    named = {item.image: item for chosen in splits.values() for item in chosen}
    problems += _unlisted([item for item in items if item.image not in named])
    unmasked = tuple(item for item in found.unmasked if item in named.values())
    return replace(found, splits=splits, problems=tuple(problems), unmasked=unmasked)


def _split_lists(root: Path) -> dict[Path, str]:
    """Returns the lists in the usual places, each with its split."""
    found: dict[Path, str] = {}
    for place in _LIST_FOLDERS:
        folder = root
        for part in place.split("/"):
            folder = next(iter(folders_named(folder, (part,))), folder / part) if part != "." else folder
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            split = split_of(file.stem)
            if file.suffix.lower() == ".txt" and split is not None:
                found[file] = split
    return found


def _with_listed_mask(listed: ListedImage, homes: Iterable[Path]) -> ImageItem:
    """Returns the item with the mask that its line names, a path below one of the `homes`, if there is such a file."""
    rest = listed.rest.replace("\\", "/").lstrip("/")
    if Path(rest).suffix.lower() not in IMAGE_SUFFIXES:
        return listed.item
    mask = next((home / rest for home in homes if (home / rest).is_file()), listed.item.mask)
    return replace(listed.item, mask=mask)


def _unlisted(items: list[ImageItem]) -> list[Problem]:
    if not items:
        return []
    what = f"{len(items)} images are on no list and belong to no split: {first_names(item.id for item in items)}"
    return [Problem("lists", what, "correct if they are not to be used; else list them, in unlabelled.txt if they "
                    "have no masks", "warning")]  # fmt: skip


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
