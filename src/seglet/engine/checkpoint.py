"""Checkpoints: a folder with safetensors for tensors, JSON for the rest, and checksums of both.

Nothing in a checkpoint can run when it is read. A folder is complete or does not exist (`files.replace_atomically`).
"""

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from seglet import files

_TENSORS, _REST = "tensors.safetensors", "state.json"


class CheckpointError(ValueError):
    """A checkpoint that is missing, damaged or of another experiment."""


def save_checkpoint(folder: Path, state: Any) -> None:
    """Writes nested dicts, lists, tensors and plain values; dict keys may be strings or whole numbers."""
    tensors: dict[str, Tensor] = {}
    rest = _take_tensors(state, "", tensors)
    with files.replace_atomically(folder) as temporary:
        temporary.mkdir()
        files.write_tensors(temporary / _TENSORS, tensors)
        digest = files.file_sha256(temporary / _TENSORS)
        files.write_json(temporary / _REST, {"state": rest, "sha256": digest, "state_sha256": _hash(rest)})


def load_checkpoint(folder: Path) -> Any:
    """Reads a checkpoint.

    Raises:
        CheckpointError: anything is missing or not exactly what was written.
    """
    try:
        content = files.read_json(folder / _REST)
        digest = files.file_sha256(folder / _TENSORS)
        if digest != content["sha256"] or _hash(content["state"]) != content["state_sha256"]:
            raise CheckpointError(f"{folder} does not match its checksum")
        return _put_tensors(content["state"], load_file(folder / _TENSORS))
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{folder} cannot be read: {error}") from error


def load_newest_checkpoint(root: Path) -> tuple[int, Any]:
    """Returns step and state of the newest complete checkpoint; damaged ones are skipped with a warning.

    Raises:
        CheckpointError: there is none.
    """
    for folder in sorted(checkpoint_steps(root), reverse=True):
        path = root / checkpoint_name(folder)
        try:
            return folder, load_checkpoint(path)
        except CheckpointError as error:
            warnings.warn(f"{error}; going back to the checkpoint before it", stacklevel=2)
    raise CheckpointError(
        f"no usable checkpoint in {root}; start again, with `seglet train --overwrite` in place of --resume"
    )


def checkpoint_name(step: int) -> str:
    """Returns the name of the folder of a checkpoint."""
    return f"step-{step:07d}"


def checkpoint_steps(root: Path) -> list[int]:
    """Returns the steps of the checkpoints in `root`, ascending."""
    return sorted(int(path.name.removeprefix("step-")) for path in root.glob("step-[0-9]*") if path.is_dir())


def delete_old_checkpoints(root: Path, keep: int, newest: int) -> None:
    """Deletes all but the `keep` newest checkpoints up to step `newest`; later ones were skipped as damaged."""
    for step in [step for step in checkpoint_steps(root) if step <= newest][:-keep]:
        files.delete_path(root / checkpoint_name(step))


def _hash(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def _take_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"items": [[key, _take_tensors(item, f"{path}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_take_tensors(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
    if value is None or isinstance(value, str | int | float | bool):
        return {"value": value}
    raise TypeError(f"a checkpoint holds tensors and plain values, not {type(value).__name__} at {path!r}")


def _put_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    (kind, content), *_ = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: _put_tensors(item, tensors) for key, item in content}
    if kind == "list":
        return [_put_tensors(item, tensors) for item in content]
    return content


def nest_to_device(value: Any, device: torch.device) -> Any:
    """Returns the nested values with their tensors on `device`."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: nest_to_device(item, device) for key, item in value.items()}
    return [nest_to_device(item, device) for item in value] if isinstance(value, list) else value
