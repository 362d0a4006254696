"""Folders of saved segmenters: the user's own, of a run, bundled with seglet, or downloaded from the hub."""

from collections.abc import Mapping
from pathlib import Path

from seglet.files import expand_home
from seglet.models.io.storage import CONFIG_FILE, PICKLE_SUFFIXES, WEIGHTS_FILE

BUNDLED_FOLDER = Path(__file__).parents[1] / "weights"

BUNDLED_MODELS: Mapping[str, str] = {
    "tiny-clip": "clip",
    "tiny-sd": "stable-diffusion",
    "tiny-captioner": "captioner",
    "tiny-depth": "depth",
    "tiny-resnet18-w25": "resnet18-w25",
    "tiny-resnet18-w50": "resnet18-w50",
    "tiny-mit_b0-w50": "mit_b0-w50",
}
"""Folders of the embedded world's tiny models by short name. Each has a README.md: how it was made, what it scores."""


def bundled_model(name: str) -> Path | None:
    """Returns the folder of a model that comes with seglet; None for any other name."""
    return BUNDLED_FOLDER / BUNDLED_MODELS[name] if name in BUNDLED_MODELS else None


def segmenter_folder(source: str | Path, revision: str | None = None) -> Path:
    """Returns the folder of a saved segmenter, downloaded if it is on the hub.

    Args:
        source: the folder itself; a run's folder, whose best segmenter (`model/`) is meant or, without one, the last
            (`last/`); a name of `BUNDLED_MODELS`; or owner/name on the Hugging Face hub.
        revision: branch, tag or commit on the hub.

    Raises:
        ValueError: there is none; the message says what to do.
    """
    folder = expand_home(source)
    for kept in (folder / "model", folder / "last"):
        if kept.is_dir():
            return kept
    if (folder / "experiment.yaml").is_file():
        raise ValueError(f"run {source} has not been validated yet; go on with `seglet train --resume --out {source}`")
    if folder.exists():
        return folder
    return bundled_model(str(source)) or _download(str(source), revision)


def _download(name: str, revision: str | None) -> Path:
    """Returns a local copy of a segmenter's two files on the hub.

    Raises:
        ValueError: `name` is neither a folder nor of the form owner/name, or cannot be fetched.
    """
    if Path(name).suffix in PICKLE_SUFFIXES or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ValueError(f"there is no folder {name}, and it is no hub name (owner/name) either; check the path")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        cure = "for a Segmenter on the hub run `pip install seglet[hub]`"
        raise ValueError(f"there is no folder {name}; {cure}, else check the path") from error
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[CONFIG_FILE, WEIGHTS_FILE]))
    except Exception as error:  # the hub's errors share no base class
        raise ValueError(f"there is no folder {name}, and the hub did not give it: {error}") from error
