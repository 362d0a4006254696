"""Steps whose loss became NaN or infinite: saved with all they need, and taken again.

failed-batch/step-N-rank-R/
  step.json            ids by dotted name, classes, step and seeds, the error
  batch.safetensors    the tensors of the batch, by dotted name
  method.safetensors   weights and buffers as they were
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import torch
from safetensors.torch import load_file
from torch import Tensor

from seglet import files
from seglet.engine.experiment import resolve_experiment
from seglet.engine.module import NonFiniteLossError, diagnose_step
from seglet.engine.run import Run
from seglet.methods.base import Method
from seglet.types import Classes, Losses, Progress
from seglet.values import UNIONS, ConfigError


def save_failed_step(folder: Path, method: Method[Any], error: NonFiniteLossError) -> None:
    """Saves the batch, the method's state and the error of a failed step."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_tensors(folder / "batch.safetensors", _tensors("", error.batch))
    files.write_tensors(folder / "method.safetensors", _tensors("", method.state_dict()))
    classes = method.student.classes
    content = {
        "error": str(error),
        "ids": {name: list(ids) for name, ids in _ids("", error.batch).items()},
        "progress": asdict(error.progress),
        "texts": {name: list(map(list, texts)) for name, texts in getattr(error.batch, "texts", {}).items()},
        "classes": {"names": classes.names, "colours": classes.colours},
    }
    files.write_json(folder / "step.json", content)


@dataclass(frozen=True)
class ReplayedStep:
    """A failed step taken again: its losses, and the method's findings about the samples."""

    folder: Path
    error: str
    losses: Losses
    findings: list[str]


def replay_failed_step(run: Run) -> ReplayedStep:
    """Takes the last failed step of a run again, on the processor, in 32-bit arithmetic.

    Raises:
        ConfigError: no step of this run failed.
    """
    kept = sorted(run.failed.glob("step-*-rank-*/step.json"), key=_step)
    if not kept:
        raise ConfigError(f"nothing to replay in {run.folder}: no loss of this run was NaN or infinite")
    folder = kept[-1].parent
    content = files.read_json(kept[-1])
    experiment = resolve_experiment(run.experiment, {})
    colours = tuple(tuple(colour) for colour in content["classes"]["colours"])
    classes = Classes(tuple(content["classes"]["names"]), colours)
    method: Method[Any] = experiment.method_class.build(experiment.config, classes, experiment.settings.seed).train()
    method.load_state_dict(load_file(folder / "method.safetensors"))
    ids = {name: tuple(found) for name, found in content["ids"].items()}
    texts = {f"texts.{name}": tuple(map(tuple, texts)) for name, texts in content.get("texts", {}).items()}
    batch = _batch(method.supervision, "", {**load_file(folder / "batch.safetensors"), **ids, **texts})
    progress = Progress(**content["progress"])
    torch.manual_seed(progress.seed)
    losses = method.losses(batch, progress)
    return ReplayedStep(folder, content["error"], losses, diagnose_step(method, batch, progress))


def _step(path: Path) -> int:
    found = re.search(r"step-(\d+)", path.parent.name)
    return int(found[1]) if found else -1


def _ids(path: str, value: Any) -> dict[str, tuple[str, ...]]:
    """Returns the sample ids in a record and in the records within it, by dotted name."""
    if not is_dataclass(value):
        return {}
    parts = ((f"{path}.{key}" if path else key, part) for key, part in vars(value).items())
    found: dict[str, tuple[str, ...]] = {}
    for name, part in parts:
        found |= {name: part} if name.rpartition(".")[2] == "ids" else _ids(name, part)
    return found


def _tensors(path: str, value: Any) -> dict[str, Tensor]:
    if isinstance(value, Tensor):
        return {path: value.detach().cpu().contiguous()}
    parts = vars(value) if is_dataclass(value) else value if isinstance(value, Mapping) else {}
    joined = ((f"{path}.{key}" if path else key, part) for key, part in parts.items())
    return {name: tensor for key, part in joined for name, tensor in _tensors(key, part).items()}


def _batch(kind: Any, path: str, known: Mapping[str, Any]) -> Any:
    """Builds the record of type `kind` from its parts, by dotted names below `path`; None if optional and absent."""
    if path in known:
        return known[path]
    if get_origin(kind) in UNIONS:
        (kind,) = [each for each in get_args(kind) if each is not NoneType]
        if not any(name.startswith(f"{path}.") for name in known):
            return None
    if isinstance(kind, type) and is_dataclass(kind):
        hints, begin = get_type_hints(kind), f"{path}." if path else ""
        return kind(**{f.name: _batch(hints[f.name], begin + f.name, known) for f in fields(kind)})
    return {name.removeprefix(f"{path}."): value for name, value in known.items() if name.startswith(f"{path}.")}
