"""Loading of models for inference, the devices of this machine, and the check that classes agree."""

from collections.abc import Sequence
from pathlib import Path

import torch

from seglet.data.dataset import Dataset
from seglet.files import file_sha256, read_json
from seglet.images.value_range import Channel
from seglet.models.io import storage
from seglet.models.io.locate import segmenter_folder
from seglet.models.onnx_segmenter import ONNX_SUFFIX
from seglet.models.segmenter import Segmenter, load
from seglet.types import Classes


def load_model(source: str, device: str) -> Segmenter:
    """Loads a segmenter from a folder, a run (its best one), an exported file or the hub, in evaluation mode.

    Raises:
        ValueError: there is none, or no such device.
    """
    return load(source).to(choose_device(device)).eval()


def load_colour_model(source: str, device: str) -> Segmenter:
    """Loads a segmenter as `load_model` does, for work on colour images.

    Raises:
        ValueError: see `load_model`; or it takes measured channels.
    """
    found = load_model(source, device)
    if found.architecture.channels is not None:
        names = ", ".join(channel.name for channel in found.architecture.channels)
        raise ValueError(f"{source} takes measured channels ({names}), and this works on colour images; `seglet "
                         "predict`, `evaluate` and `export` take it")  # fmt: skip
    return found


def model_folder(source: str) -> Path:
    """Returns the folder of a segmenter (of a run its best one, of the hub a download), or the file of an exported one.

    Raises:
        ValueError: there is none.
    """
    return Path(source) if Path(source).suffix == ONNX_SUFFIX else segmenter_folder(source)


def weights_hash(folder: Path) -> str:
    """Returns the SHA-256 of the weights in a segmenter's folder, or of an exported file."""
    if folder.suffix == ONNX_SUFFIX:
        return file_sha256(folder)
    return str(read_json(folder / storage.CONFIG_FILE)["weights"]["sha256"])


def choose_device(name: str) -> torch.device:
    """Returns the device of this name; `auto` is a GPU if there is one.

    Raises:
        ValueError: there is no such device; lists those of this machine.
    """
    there = available_devices()
    if name == "auto":
        return torch.device(there[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in there:
        raise ValueError(f"there is no device {name!r} here; choose from auto, {', '.join(there)}")
    return torch.device(wanted)


def available_devices() -> list[str]:
    """Returns the names of the devices of this machine, the fastest kind first."""
    graphics = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*graphics, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def check_classes(model: Classes, data: Classes) -> None:
    """Checks that model and data have the same classes in the same order.

    Raises:
        ValueError: they differ; the message says how.
    """
    if model.names == data.names:
        return
    if sorted(model.names) == sorted(data.names):
        place = next(i for i, (ours, theirs) in enumerate(zip(model.names, data.names, strict=True)) if ours != theirs)
        raise ValueError(
            f"model and data have the same classes in another order: label {place} is {model.names[place]!r} to the "
            f"model and {data.names[place]!r} in the data; reorder the data's table of classes"
        )
    lacking = [name for name in data.names if name not in model.names]
    foreign = [name for name in model.names if name not in data.names]
    raise ValueError(
        f"the model's {len(model)} classes are not the data's {len(data)}: "
        f"only the data have {_some(lacking)}; only the model has {_some(foreign)}; "
        "evaluate on data with the model's classes, or rename them in the data's table of classes"
    )


def check_channels_of_data(model: Segmenter, data: Dataset) -> None:
    """Checks that the images of a data set hold the channels that a model takes, by their names.

    Raises:
        ValueError: they hold others; the message lists both.
    """
    ours, theirs = (_channel_names(channels) for channels in (model.architecture.channels, data.channels))
    if ours != theirs:
        raise ValueError(
            f"the model takes {', '.join(ours)}, but the images of the data hold {', '.join(theirs)}; take a model of "
            "these, or name them in the model's order with `seglet data check --channels`"
        )


def _channel_names(channels: Sequence[Channel] | None) -> tuple[str, ...]:
    return ("red", "green", "blue") if channels is None else tuple(channel.name for channel in channels)


def _some(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "none"
