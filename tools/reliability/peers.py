"""The same training as seglet's, as plain scripts on Lightning and on PyTorch, and the same faults injected into them.

Each script is what the documentation of its library shows: a network, a loader that shuffles, a checkpoint after every
step, and training that goes on from the last checkpoint if there is one.
"""

import os
import pickle
import random
import shutil
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.models.architecture import Architecture
from seglet.models.segmenter import build
from tools.reliability.crashes import crash_rows
from tools.reliability.forked import Program, run_forked, started
from tools.reliability.jobs import Job
from tools.reliability.row import Row, tally

_STEPS = 3
_WEIGHTS = "model.pt"


class _Scenes(TorchDataset[tuple[Tensor, Tensor]]):
    """Scenes of the embedded world with random mirroring, as a data set of PyTorch."""

    def __init__(self) -> None:
        samples = [World("train", scenes=12, size=32).read(index) for index in range(12)]
        self.images = [torch.from_numpy(np.array(one.image)).permute(2, 0, 1).float() / 255 for one in samples]
        self.labels = [torch.from_numpy(np.array(one.labels)).long() for one in samples]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, labels = self.images[index], self.labels[index]
        return (image.flip(-1), labels.flip(-1)) if random.random() < 0.5 else (image, labels)


def _network() -> nn.Module:
    return build(Architecture("deeplabv3-resnet18", width=0.0625), WORLD_CLASSES).train()


def _loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(network(batch[0]), batch[1], ignore_index=255)


def torch_script(words: list[str]) -> int:
    """Trains as a plain loop of PyTorch; the word is the folder of checkpoints and weights."""
    out = Path(words[0])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    random.seed(0)
    network = _network()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    step, last = 0, out / "last.pt"
    if last.exists():
        state = torch.load(last)
        network.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    loader = DataLoader(_Scenes(), batch_size=4, shuffle=True)
    steps = int(words[1]) if len(words) > 1 else _STEPS
    while step < steps:
        for batch in loader:
            optimiser.zero_grad()
            _loss(network, batch).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            step += 1
            torch.save({"model": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, last)
            if step >= steps:
                break
    torch.save(network.state_dict(), out / _WEIGHTS)
    return 0


class _Module(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.network = _network()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        return _loss(self.network, batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9)


def lightning_script(words: list[str]) -> int:
    """Trains with Lightning's Trainer and ModelCheckpoint; the word is the folder of checkpoints and weights."""
    warnings.simplefilter("ignore")
    out = Path(words[0])
    lightning.seed_everything(0, workers=True, verbose=False)
    keep = ModelCheckpoint(dirpath=out, save_last=True, every_n_train_steps=1, save_top_k=1)
    trainer = lightning.Trainer(
        max_steps=int(words[1]) if len(words) > 1 else _STEPS, accelerator="cpu", devices=1, callbacks=[keep],
        logger=False, default_root_dir=out, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = _Module()
    trainer.fit(module, DataLoader(_Scenes(), batch_size=4, shuffle=True), ckpt_path="last")
    torch.save(module.network.state_dict(), out / _WEIGHTS)
    return 0


@dataclass(frozen=True)
class _Peer:
    name: str
    program: Program
    checkpoint: str
    """Name of the file that training goes on from."""
    load: Callable[[Path], Mapping[str, Any]]
    """Reads a checkpoint as the library does; the weights are the result."""


def _torch_weights(file: Path) -> Mapping[str, Any]:
    return dict(torch.load(file)["model"])


def _lightning_weights(file: Path) -> Mapping[str, Any]:
    return dict(_Module.load_from_checkpoint(file, map_location="cpu").network.state_dict())


PEERS: Mapping[str, _Peer] = {
    "lightning": _Peer("plain Lightning", lightning_script, "last.ckpt", _lightning_weights),
    "pytorch": _Peer("plain PyTorch", torch_script, "last.pt", _torch_weights),
}


def peer_rows(place: Path, name: str, trials: int, points: int) -> Iterator[Row]:
    """Yields the rows of a script, by its name in `PEERS`; `system` says whose they are."""
    peer, words = PEERS[name], [str(place / "out")]
    job = Job("train", words, partial(_same, words), program=peer.program, plain=False)
    yield from (replace(row, system=peer.name) for row in _checkpoint_rows(place, peer, trials))
    yield replace(_second_row(place, peer), system=peer.name)
    yield from (replace(row, system=peer.name) for row in crash_rows(place, [job], points))


def _same(words: list[str], folder: Path) -> list[str]:
    return words


def _checkpoint_rows(place: Path, peer: _Peer, trials: int) -> Iterator[Row]:
    """Yields rows of a damaged checkpoint, and of one that holds code."""
    out = place / "whole"
    run_forked([str(out)], out, program=peer.program)
    file = out / peer.checkpoint
    content, expected, draw = file.read_bytes(), _read(peer, file), random.Random(0)

    def held(changed: bytes) -> bool:
        file.write_bytes(changed)
        found = _read(peer, file)
        return found is None or found == expected

    flips = []
    for _ in range(trials):
        bit = draw.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        flips.append((f"bit {bit}", held(bytes(changed))))
    yield tally("bit flip: checkpoint", "an error, or the weights that were written", flips)
    cuts = [(f"{share} %", held(content[: len(content) * share // 100])) for share in range(0, 100, 5)]
    yield tally("truncation: checkpoint", "an error, or the weights that were written", cuts)
    codes = []
    for protocol in range(6):
        canary = place / "canary"
        file.write_bytes(pickle.dumps({"weight": _Touch(canary)}, protocol))
        _read(peer, file)
        codes.append((f"protocol {protocol}", not canary.exists()))
    yield tally("pickle with code as checkpoint", "a canary file is never made", codes)
    shutil.rmtree(out)


class _Touch:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def _read(peer: _Peer, file: Path) -> Mapping[str, list[float]] | None:
    """Returns the weights of a checkpoint, or None if the library refuses it, by whatever error."""
    try:
        return {name: value.tolist() for name, value in peer.load(file).items()}
    except Exception:  # noqa: BLE001
        return None


def _second_row(place: Path, peer: _Peer) -> Row:
    """Returns whether a second process is kept from the folder of a live one."""
    out = place / "shared"
    with started([str(out), "100000"], out, peer.program) as first:
        while True:  # it is to be alive, and not in the middle of a checkpoint
            os.kill(first, signal.SIGSTOP)
            if (out / peer.checkpoint).exists() and _read(peer, out / peer.checkpoint) is not None:
                break
            os.kill(first, signal.SIGCONT)
            time.sleep(0.05)
        second = run_forked([str(out), "2"], out, program=peer.program)
    shutil.rmtree(out, ignore_errors=True)
    return tally("a second process beside a live run", "refused", [("again", second.code != 0)])
