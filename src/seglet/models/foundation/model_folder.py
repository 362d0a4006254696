"""Checks of folders that hold pretrained models, with messages that say what is there instead."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet import files

_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth", "*.msgpack", "*.h5")
DESCRIPTION_PATTERNS = ("*.json", "*.txt")
DOWNLOAD_AGAIN = "download or copy it again"
HALF_VARIANT = "fp16"
"""Variant of weights in half precision, as in model.fp16.safetensors; it is read where there is no other."""
_SAFETENSORS = (
    "take a revision of it that has safetensors (the hub's bot often offers one as refs/pr/NUMBER: write "
    "ID@refs/pr/NUMBER), or write them as safetensors once: `seglet convert FOLDER --out NEW` (CLIP, Stable "
    "Diffusion), seglet.models.foundation.unpickle_model (others)"
)


@dataclass(frozen=True)
class ModelLayout:
    """Files of one kind of model on disk.

    `types` are what `model_type` (transformers) or `_class_name` (a diffusers pipeline) of its description may be;
    `weights` the stems of its weight files, such as unet/diffusion_pytorch_model; `files` what must be there besides.
    `refused` are beginnings of types that are known and cannot be used, each with the reason.
    """

    what: str
    description: str
    types: tuple[str, ...]
    weights: tuple[str, ...]
    files: tuple[str, ...] = ()
    suffix: str = ".safetensors"
    refused: tuple[tuple[str, str], ...] = ()

    def reason_against(self, kind: str) -> str:
        """Returns the reason why a known type cannot be used; empty for all others."""
        fitting = [(start, why) for start, why in self.refused if kind.startswith(start)]
        return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else ""

    @property
    def patterns(self) -> list[str]:
        """File patterns to download: each weight in one form only, and nothing that could be run."""
        forms = (f"{self.suffix}*", f"-*-of-*{self.suffix}")
        sizes = [f"{stem}{form}" for stem in self.weights for form in forms]
        folders = sorted({file.rpartition("/")[0] for file in (self.description, *self.weights, *self.files)})
        texts = [f"{folder}/{kind}" if folder else kind for folder in folders for kind in DESCRIPTION_PATTERNS]
        return [*sizes, *texts]


def check_model_folder(folder: Path, layout: ModelLayout) -> dict[str, Any]:
    """Reads the description of the model in `folder` and checks that its weights are complete.

    Raises:
        ValueError: it holds another kind of model, or some of its files are missing or cut short; the message says what
            was found and what to do.
    """
    content = check_kind(folder, layout)
    for stem in layout.weights:
        _check_weights(folder, stem)
    if missing := [name for name in layout.files if not (folder / name).is_file()]:
        raise ValueError(f"{folder} lacks {', '.join(missing)}: half a download? {DOWNLOAD_AGAIN}")
    return content


def check_kind(folder: Path, layout: ModelLayout) -> dict[str, Any]:
    """Reads the description of the model in `folder`.

    Raises:
        ValueError: there is none, or it is that of another kind of model; the message says what was found.
    """
    description = folder / layout.description
    if not description.is_file():
        raise ValueError(
            f"{folder} is not {layout.what}: it has no {layout.description}; it is {describe_folder(folder)}"
        )
    content = files.read_json(description)
    found = content.get("_class_name", content.get("model_type")) if isinstance(content, dict) else None
    if why := layout.reason_against(str(found)):
        raise ValueError(f"{folder} holds a {found}: {why}")
    if found not in layout.types:
        raise ValueError(
            f"{folder} is not {layout.what} (of type {' or '.join(layout.types)}); it is {describe_folder(folder)}; "
            "give the folder or id of one"
        )
    return dict(content)


def describe_folder(folder: Path) -> str:
    """Describes the content of a folder, for messages."""
    if (folder / "model_index.json").is_file():
        return f"a diffusers pipeline ({_entry(folder / 'model_index.json', '_class_name')})"
    if (config := folder / "config.json").is_file():
        if (kind := _entry(config, "model_type")) != "?":
            return f"a transformers model of type {kind}"
        if (part := _entry(config, "_class_name")) != "?":
            return f"a part of a diffusers pipeline ({part})"
        return "a Segmenter of seglet" if _entry(config, "format") == "seglet-segmenter" else "a model of unknown kind"
    if (folder / "snapshots").is_dir():
        return "the hub's cache of a model: give the model's id, or one of the folders in snapshots/"
    if (folder / "open_clip_config.json").is_file():
        return "a model of OpenCLIP, which has another layout: find it converted to transformers"
    if single := sorted(folder.glob("*.safetensors")):
        cure = single_file_cure(single[0])
        return f"weights in a single file ({single[0].name}); if they are a Stable Diffusion, {cure}"
    if pickles := _pickles(folder):
        return f"weights without a description ({pickles[0].name})"
    return "an empty folder" if not any(folder.iterdir()) else "no model that is known here"


def _entry(path: Path, key: str) -> str:
    content = files.read_json(path)
    return str(content.get(key, "?")) if isinstance(content, dict) else "?"


def _pickles(folder: Path) -> list[Path]:
    return sorted(path for pattern in _PICKLES for path in folder.glob(pattern))


def weight_files(folder: Path, stem: str, suffix: str = ".safetensors") -> list[Path]:
    """Returns the files that hold the weights called `stem`, present or not: one, or those that its index names.

    They are those in half precision where there are no others.
    """
    index, half = folder / f"{stem}{suffix}.index.json", folder / f"{stem}.{HALF_VARIANT}{suffix}"
    half_index = folder / f"{stem}{suffix}.index.{HALF_VARIANT}.json"
    if not (folder / f"{stem}{suffix}").is_file() and not index.is_file():
        if half.is_file():
            return [half]
        index = half_index
    if (folder / f"{stem}{suffix}").is_file() or not index.is_file():
        return [folder / f"{stem}{suffix}"]
    shards = files.read_json(index).get("weight_map", {})
    return [index.parent / name for name in sorted(set(shards.values()))]


def lacks_weights(folder: Path, layout: ModelLayout) -> bool:
    """True if a file of weights of the layout is not in the folder."""
    return any(not path.is_file() for stem in layout.weights for path in weight_files(folder, stem, layout.suffix))


def weights_variant(folder: Path) -> str | None:
    """Returns the variant of the weights that lie in a folder, as the libraries take it; None for the plain ones."""
    names = [path.name for path in folder.glob("*.safetensors*")]
    return HALF_VARIANT if names and all(f".{HALF_VARIANT}" in name for name in names) else None


def single_file_cure(file: Path) -> str:
    """Returns how a Stable Diffusion in a single file becomes a folder."""
    call = f"StableDiffusionPipeline.from_single_file({str(file)!r}).save_pretrained(FOLDER)"
    return f"write it as a folder once, in Python, with diffusers: {call}, and give FOLDER"


def _check_weights(folder: Path, stem: str) -> None:
    paths = weight_files(folder, stem)
    missing = [path for path in paths if not path.is_file()]
    if missing and (pickles := _pickles(missing[0].parent)):
        raise ValueError(
            f"{folder} has no {missing[0].name}, only {pickles[0].name}, which may hold code and is never loaded; "
            f"{_SAFETENSORS}"
        )
    if missing:
        names = ", ".join(path.name for path in missing[:3])
        raise ValueError(
            f"{missing[0].parent} lacks {len(missing)} of {len(paths)} weight files ({names}): half a download? "
            f"{DOWNLOAD_AGAIN}; or a model without safetensors? {_SAFETENSORS}"
        )
    for path in paths:
        check_safetensors(path)


def check_safetensors(path: Path) -> None:
    """Checks the length of a safetensors file.

    Raises:
        ValueError: a safetensors file is not as long as its own header says, or has none.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < size else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is no safetensors file; delete it and {DOWNLOAD_AGAIN}") from error
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise ValueError(
            f"{path} is {size} bytes long where its header promises {expected}: half a download? "
            f"delete it and {DOWNLOAD_AGAIN}"
        )
