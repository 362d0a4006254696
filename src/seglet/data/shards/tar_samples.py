"""Samples of WebDataset tars: members with the same key are an image, its mask, its tags and its caption.

The key of a member is its name up to the first dot behind the last `/`; what follows says what it is:

    KEY.jpg, .png, …                      the image; of several, .jpg before .png, which is then the mask
    KEY.mask.png, KEY.seg.png, …          the mask
    KEY.json                              {"tags": […], "caption": "…", "id": "…"}; other keys are passed over
    KEY.cls, KEY.tags.txt                 classes by number or name, with blanks or commas between
    KEY.txt, KEY.caption                  the caption
"""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES

_BLOCK = 512
_MASK_NAMES = frozenset({"mask", "masks", "seg", "segmentation", "label", "labels", "annotation", "gt", "semseg"})
_LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".gif")
_TAG_KEYS = ("tags", "labels", "classes", "label", "class", "cls")
_CAPTION_KEYS = ("caption", "captions", "text", "txt")


@dataclass(frozen=True)
class TarMember:
    """A file in a tar and where its bytes are."""

    name: str
    offset: int
    size: int


@dataclass
class TarSample:
    """Members and texts of one key of a tar. `tags` are as written, None without any; `id` is the key by default."""

    id: str
    image: TarMember | None = None
    mask: TarMember | None = None
    tags: tuple[str, ...] | None = None
    caption: str = ""
    unread: list[str] = field(default_factory=list)


def tar_members(file: Path) -> Iterator[TarMember]:
    """Yields the regular files of a tar in order.

    Raises:
        DataError: it is no tar, compressed, or cut short, also at the end of a member.
    """
    length = file.stat().st_size
    try:
        with tarfile.open(file, "r:") as archive:
            end = 0
            for member in archive:
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK if member.isreg() else archive.offset
                if member.isreg() and member.offset_data + member.size > length:
                    raise _cut_short(file, member.name)
                if member.isreg():
                    yield TarMember(member.name.removeprefix("./"), member.offset_data, member.size)
            _check_end(file, end)
    except tarfile.TarError as error:
        with file.open("rb") as opened:
            packed = opened.read(2) in (b"\x1f\x8b", b"BZ", b"(\xb5", b"\xfd7")
        if packed:
            raise DataError(f"{str(file)!r} is compressed; decompress it, as images are read by offset") from error
        raise DataError(f"{str(file)!r} is cut short or no tar ({error}); copy it again") from error


def _check_end(file: Path, end: int) -> None:
    with file.open("rb") as opened:
        opened.seek(end)
        block = opened.read(_BLOCK)
    if len(block) < _BLOCK or any(block):
        raise _cut_short(file, "the end of the archive")


def _cut_short(file: Path, what: str) -> DataError:
    return DataError(f"{str(file)!r} is cut short at {what!r}; copy it again")


def tar_samples(file: Path) -> Iterator[TarSample]:
    """Yields the samples of a tar in the order of their first members, which follow each other.

    Raises:
        DataError: the tar is damaged, a key comes back later, or a text cannot be read.
    """
    done: set[str] = set()
    key, found = "", dict[str, TarMember]()
    for member in tar_members(file):
        own, ending = member_key(member.name)
        if own != key and found:
            yield _sample(file, key, found)
            done.add(key)
            found = {}
        if own in done or ending in found:
            raise DataError(f"{str(file)!r} holds {member.name!r} twice, or apart from the rest of its sample; pack "
                            "the files of a sample one after the other")  # fmt: skip
        key = own
        found[ending] = member
    if found:
        yield _sample(file, key, found)


def member_key(name: str) -> tuple[str, str]:
    """Returns the key of a member and its ending, in lower case, with the dot."""
    path = PurePosixPath(name)
    stem, dot, ending = path.name.partition(".")
    return (path.parent / stem).as_posix(), f"{dot}{ending}".lower()


def _sample(file: Path, key: str, found: dict[str, TarMember]) -> TarSample:
    sample = TarSample(key)
    images = []
    for ending, member in found.items():
        first, last = ending.split(".")[1], PurePosixPath(f"x{ending}").suffix
        if last in IMAGE_SUFFIXES:
            if first in _MASK_NAMES:
                sample.mask = member
            else:
                images.append((last in _LOSSLESS, ending, member))
        elif last == ".json":
            _take_json(sample, _text(file, member), member.name)
        elif last == ".cls" or ending == ".tags.txt":
            sample.tags = _words(_text(file, member))
        elif ending in (".txt", ".caption"):
            sample.caption = _text(file, member).strip()
        else:
            sample.unread.append(ending)
    images.sort(key=lambda image: image[:2])
    if images:
        sample.image = images[0][2]
    if len(images) > 1 and sample.mask is None and images[1][0]:
        sample.mask = images[1][2]
    return sample


def _words(text: str) -> tuple[str, ...]:
    separator = "," if "," in text else "\n" if "\n" in text.strip() else None
    return tuple(word.strip() for word in text.split(separator) if word.strip())


def _take_json(sample: TarSample, text: str, name: str) -> None:
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise DataError(f"{name!r} is not valid JSON ({error}); pack it again") from error
    if not isinstance(content, dict):
        return
    tags = next((content[key] for key in _TAG_KEYS if key in content), None)
    if isinstance(tags, str | int):
        tags = [tags]
    if isinstance(tags, list) and all(isinstance(tag, str | int) for tag in tags):
        sample.tags = tuple(str(tag) for tag in tags)
    caption = next((content[key] for key in _CAPTION_KEYS if key in content), None)
    if isinstance(caption, list):
        caption = next((each for each in caption if isinstance(each, str)), None)
    if isinstance(caption, str):
        sample.caption = caption.strip()
    if isinstance(content.get("id"), str):
        sample.id = content["id"]


def _text(file: Path, member: TarMember) -> str:
    with file.open("rb") as opened:
        opened.seek(member.offset)
        content = opened.read(member.size)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{member.name!r} in {str(file)!r} is no text in UTF-8 ({error}); pack it again") from error
