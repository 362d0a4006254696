"""Opens folders by path or URL."""

import re
from pathlib import Path

from seglet.files import expand_home
from seglet.stores.local_place import LocalPlace
from seglet.stores.place import Place

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


def is_url(name: str | Path) -> bool:
    """True if the text is a URL, such as `s3://bucket/folder`, and not a path."""
    return isinstance(name, str) and _URL.match(name) is not None


def open_place(name: str | Path) -> Place:
    """Returns the folder of a path or URL; nothing is read yet."""
    return LocalPlace(expand_home(name))
