"""Folders of other libraries, which error messages call by their name."""

from pathlib import Path

from seglet import files

_USE = (
    "in `seglet train` a backbone of transformers serves a student (--student HEAD-hf:FOLDER), a segmenter teaches "
    "(--teacher hf:FOLDER)"
)


def check_own_folder(folder: Path) -> None:
    """Checks that a folder with a config.json was not saved by transformers.

    Raises:
        ValueError: it was; the message names the network, and what can be done with it.
    """
    name = transformers_network(folder)
    if name is not None:
        raise ValueError(f"{folder} holds a network of transformers ({name}), not a Segmenter; {_USE}")


def transformers_network(folder: Path) -> str | None:
    """Returns the class of the network that transformers saved in a folder; None for any other folder."""
    about = folder / "config.json"
    if not about.is_file():
        return None
    try:
        content = files.read_json(about)
    except (ValueError, OSError):
        return None
    if not isinstance(content, dict) or not content.keys() & {"model_type", "transformers_version"}:
        return None
    names = content.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else str(content.get("model_type", "unknown"))
