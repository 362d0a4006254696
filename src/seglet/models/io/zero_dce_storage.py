"""A trained Zero-DCE on disk: a folder with `config.json` and `model.safetensors`, nothing executable."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from seglet import files
from seglet.models.zero_dce import ZeroDCE

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FORMAT, VERSION = "seglet-zero-dce", 1


def save(folder: Path, model: ZeroDCE, training: dict[str, Any]) -> None:
    """Writes the whole folder or nothing; `training` says how it came about."""
    with files.replacing(folder) as temporary:
        temporary.mkdir()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        files.write_tensors(temporary / WEIGHTS, tensors, {"format": "pt"})
        digest = files.sha256(temporary / WEIGHTS)
        size = {"width": model.width, "iterations": model.iterations}
        about = {"format": FORMAT, "version": VERSION, **size, "sha256": digest, "training": training}
        files.write_json(temporary / CONFIG, about)


def load(folder: Path) -> ZeroDCE:
    """The network in evaluation mode, on the CPU.

    Raises:
        ValueError: something is missing, damaged or of another format; the message names it and the cure.
    """
    cure = "give a folder that `seglet enhance --method zero-dce --train-on DIR` saved"
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise ValueError(f"{str(folder)!r} has no {CONFIG} and {WEIGHTS}; {cure}")
    config = files.read_json(folder / CONFIG)
    if not isinstance(config, dict) or (config.get("format"), config.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"{str(folder / CONFIG)!r} does not describe a Zero-DCE of version {VERSION}; {cure}")
    if files.sha256(folder / WEIGHTS) != config.get("sha256"):
        raise ValueError(f"{str(folder / WEIGHTS)!r} is not the file that {CONFIG} describes; copy or train it again")
    try:
        with torch.device("meta"):
            model = ZeroDCE(int(config["width"]), int(config["iterations"]))
        model.load_state_dict(load_file(folder / WEIGHTS), assign=True)
    except (KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{str(folder)!r} does not fit its {CONFIG} ({error}); train it again") from error
    return model.eval().requires_grad_(False)
