"""Names of images behind the addresses in Label Studio's tasks."""

import base64
import binascii
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from seglet.data.errors import DataError
from seglet.data.files import IMAGE_SUFFIXES
from seglet.data.layouts.fields import image_path_below

_REMOTE = re.compile(r"(https?|s3|gs|azure-blob)://", re.IGNORECASE)
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")
_LOCAL = re.compile(r"/data/local-files/?\?d=")


def image_names(task: dict[str, Any]) -> list[str]:
    """Returns the path of a task's image below the folder of images, and then other names that it may have.

    Raises:
        DataError: the task names no image, or several.
    """
    address = _address(task)
    if local := _LOCAL.search(address):
        raw = re.sub(r"&\w+=.*$", "", address[local.end() :])
        paths = [_plain(raw), _plain(raw.replace("+", " "))]
        return list(dict.fromkeys(_below_images(path) for path in paths))
    if "fileuri=" in address:
        address = _decoded(re.split(r"[&#]", address.partition("fileuri=")[2])[0])
    remote = bool(_REMOTE.match(address))
    path = _plain(_without_query(address))
    name = PurePosixPath(path.replace("\\", "/")).name
    if remote or "/upload/" in path:
        plain = _UPLOAD_PREFIX.sub("", name)
        others = [name, image_path_below(path)] if remote else [name]
        return list(dict.fromkeys([image_path_below(plain), *others]))
    return [_below_images(path)]


def _plain(quoted: str) -> str:
    """Returns a path without its quotes; bytes that are no UTF-8 become what Python reads them as in a file's name."""
    return unquote(quoted, errors="surrogateescape")


def _address(task: dict[str, Any]) -> str:
    data = task.get("data")
    if not isinstance(data, dict):
        raise DataError("the task has no `data`")
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value.strip()}
    if "image" in texts:
        return texts["image"]
    if isinstance(data.get("image"), list) or (not texts and any(isinstance(value, list) for value in data.values())):
        raise DataError("the task holds several images; export tasks of one image each")
    named = [value for value in texts.values() if PurePosixPath(_without_query(value)).suffix.lower() in IMAGE_SUFFIXES]
    if not texts:
        raise DataError("the task's `data` names no image")
    return named[0] if named else next(iter(texts.values()))


def _without_query(address: str) -> str:
    """Returns an address without query and fragment, unless the suffix of an image follows: then it is all a name."""
    path = re.split(r"[?#]", address)[0]
    whole = PurePosixPath(address).suffix.lower() in IMAGE_SUFFIXES
    return address if whole and PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES else path


def _below_images(path: str) -> str:
    below = image_path_below(path)
    return f"/{below}".partition("/images/")[2] or below


def _decoded(text: str) -> str:
    """Returns the address in the parameter `fileuri`, which is coded in base 64."""
    padded = unquote(text) + "=" * (-len(unquote(text)) % 4)
    try:
        return base64.urlsafe_b64decode(padded).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text
