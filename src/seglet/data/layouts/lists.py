"""Text files that list the images of a split, one a line."""

import re
from pathlib import Path

from seglet.data.errors import DataError
from seglet.files import read_bytes


def read_list(path: Path) -> list[str]:
    """The ids in a list; of lines such as `images/a.jpg masks/a.png` the stem of the first path."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"list {str(path)!r} is not UTF-8 text; save it as UTF-8") from error
    lines = [line.strip() for line in text.splitlines()]
    return [_identity(line) for line in lines if line and not line.startswith("#")]


def _identity(line: str) -> str:
    first = re.split(r"(?<=\.\w{3})\s+|(?<=\.\w{4})\s+", line)[0]
    name = first.rsplit("/", 1)[-1]
    return re.sub(r"\.(jpe?g|png|bmp|gif|webp|tiff?)$", "", name, flags=re.IGNORECASE)
