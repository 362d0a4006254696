"""Opens folders by path or URL."""

import re
from pathlib import Path

from seglet.files import expand_home
from seglet.stores.local_place import LocalPlace
from seglet.stores.place import Place

_URL = re.compile(r"(s3|s3a|gs|gcs|az|abfs|abfss|hf|file|memory)://")


def is_url(name: str | Path) -> bool:
    """True if the text is the URL of a folder or file in a store, such as `s3://bucket/folder`."""
    return isinstance(name, str) and _URL.match(name) is not None


def open_place(name: str | Path) -> Place:
    """Returns the folder of a path or URL; nothing is read yet."""
    if is_url(name):
        from seglet.stores.remote_place import RemotePlace

        return RemotePlace(str(name))
    return LocalPlace(expand_home(name))
