"""The shipped experiments say everything, and say what the paper says."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglet import methods
from seglet.engine.settings import Settings

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*/*.yaml"))

# Appendix A.3 of the paper, (κ, m): without a teacher, and with vanilla distillation
PRESETS = {
    "cityscapes-deeplabv3": ((5, 1), (5, 1)),
    "cityscapes-pspnet": ((7, 1), (6, 1)),
    "camvid-deeplabv3": ((3, 1), (10, 10)),
    "camvid-pspnet": ((1, 1), (2, 1)),
    "voc-deeplabv3": ((9, 1), (3, 1)),
    "voc-pspnet": ((3, 3), (3, 1)),
}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_config_spells_out_every_key_of_its_method(path: Path) -> None:
    content = read(path)
    keys = [f.name for kind in (Settings, methods.load(path.parent.name).Config) for f in fields(kind)]
    assert content["method"] == path.parent.name
    assert set(content) == {"method", *keys}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_config_runs_without_any_download(path: Path) -> None:
    assert read(path)["data"] == "world"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_papers(name: str) -> None:
    baseline, taught = (read(CONFIGS / "fotf" / f"{name}-{mode}.yaml") for mode in ("baseline", "kd"))
    assert ((baseline["kappa"], baseline["m"]), (taught["kappa"], taught["m"])) == PRESETS[name]
    assert baseline["teacher"] is None
    assert taught["teacher"] is not None


def test_rows_with_their_own_schedule_have_it() -> None:
    decay = {name: read(CONFIGS / "fotf" / f"{name}-kd.yaml")["weight_decay"] for name in PRESETS}
    rate = {name: read(CONFIGS / "fotf" / f"{name}-kd.yaml")["learning_rate"] for name in PRESETS}
    assert {name for name, value in decay.items() if value == 5e-4} == {"cityscapes-deeplabv3", "cityscapes-pspnet"}
    assert {name for name, value in rate.items() if value == 0.015} == {"voc-pspnet"}
