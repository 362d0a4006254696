from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seglet.data.artefact import _TENSORS, Artefact, Reporter, artefact_folder, read_artefact, write_artefact
from seglet.data.dataset import Dataset
from seglet.data.errors import DataError
from seglet.data.world.dataset import World


@dataclass(frozen=True)
class Mean(Artefact):
    weight: float = 1.0
    of_images: bool = False
    name: str = "mean"
    maker: str = "mean/1"

    def identity(self) -> str:
        return ""

    def settings(self) -> Mapping[str, Any]:
        return {"weight": self.weight}

    def make(self, root: Path, data: Dataset, device: torch.device, report: Reporter) -> dict[str, Tensor]:
        return {"mean": torch.full((2,), self.weight, device=device)}


FEW, MORE = World(scenes=3, size=16), World(scenes=4, size=16)


def test_its_folder_follows_from_its_description(tmp_path: Path) -> None:
    assert artefact_folder(Mean(), tmp_path, FEW) == artefact_folder(Mean(), tmp_path, MORE)
    assert artefact_folder(Mean(), tmp_path, FEW) != artefact_folder(Mean(2.0), tmp_path, FEW)


def test_images_decide_too_where_it_is_made_of_them(tmp_path: Path) -> None:
    of = Mean(of_images=True)
    assert artefact_folder(of, tmp_path, FEW) != artefact_folder(of, tmp_path, MORE)
    assert artefact_folder(of, tmp_path, FEW) == artefact_folder(of, tmp_path, World(scenes=3, size=16))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = Mean().make(tmp_path, FEW, torch.device("cpu"), Reporter(print))
    write_artefact(Mean(), tmp_path / "a", FEW, made)
    assert read_artefact(tmp_path / "a")["mean"].tolist() == [1, 1]


def test_a_damaged_one_is_reported(tmp_path: Path) -> None:
    write_artefact(Mean(), tmp_path / "a", FEW, {"mean": torch.ones(2)})
    (tmp_path / "a" / _TENSORS).write_bytes(b"torn")
    with pytest.raises(DataError, match="delete it and run `seglet prepare` again"):
        read_artefact(tmp_path / "a")
