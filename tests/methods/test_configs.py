"""The shipped experiments say everything, and say what the paper says."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from seglet import methods
from seglet.engine.settings import Settings

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONFIGS).as_posix())

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


@every_file
def test_a_config_spells_out_every_key_of_its_method(path: Path) -> None:
    content, method = read(path), path.relative_to(CONFIGS).parts[0]
    keys = [f.name for kind in (Settings, methods.load(method).Config) for f in fields(kind)]
    assert content["method"] == method
    assert set(content) == {"method", *keys}


@every_file
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


# Tables 1 and 3: the rows of each network on each data set, and Appendix A.3's (κ, m) of those with FOTF
ROWS = ["kd", "skd", "ifvd", "cwd", "cirkd", "afdcd"]
WEIGHED = {
    "cityscapes/deeplabv3": {"kd": (5, 1), "cirkd": (1, 1), "afdcd": (7, 1)},
    "cityscapes/pspnet": {"kd": (6, 1), "cirkd": (5, 1), "afdcd": (5, 1)},
    "cityscapes/segformer": {"cirkd": (1, 1)},
    "camvid/deeplabv3": {"kd": (10, 10), "cirkd": (7, 1), "afdcd": (1, 3)},
    "camvid/pspnet": {"kd": (2, 1), "cirkd": (10, 1), "afdcd": (3, 3)},
    "voc/deeplabv3": {"kd": (3, 1), "cirkd": (3, 1)},
    "voc/pspnet": {"kd": (3, 1), "cirkd": (1, 1)},
}


def distilled(name: str) -> dict[str, Any]:
    return read(CONFIGS / "distill" / f"{name}.yaml")


@pytest.mark.parametrize("network", WEIGHED)
def test_every_row_of_the_tables_has_a_file(network: str) -> None:
    rows = [row for row in ROWS if row != "kd"] if network.endswith("segformer") else ROWS
    wanted = {*rows, *(f"{row}-fotf" for row in WEIGHED[network])}
    folder, _, name = network.partition("/")
    found = {path.stem.removeprefix(f"{name}-") for path in (CONFIGS / "distill" / folder).glob(f"{name}-*.yaml")}
    assert found - {"cirkd-dropout"} == wanted


@pytest.mark.parametrize("network", WEIGHED)
def test_weighed_rows_have_the_papers_kappa_and_m_and_the_others_are_not_weighed(network: str) -> None:
    for row, expected in WEIGHED[network].items():
        weighed = distilled(f"{network}-{row}-fotf")
        assert (weighed["kappa"], weighed["m"]) == expected
        assert weighed["weigh_kd"] is weighed["weigh_task"] is True
    plain = distilled(f"{network}-cirkd")
    assert plain["weigh_kd"] is plain["weigh_task"] is False


def test_weights_follow_the_data_set_as_in_the_authors_scripts() -> None:
    assert "cirkd-memory pixel=0.01 region=0.01" in distilled("voc/deeplabv3-cirkd")["terms"]
    assert "cirkd-memory pixel=0.1 region=0.1" in distilled("camvid/pspnet-cirkd")["terms"]
    assert "afdcd tap=stage4 distance=8e-6 contrast=0.01 pool=1" in distilled("camvid/deeplabv3-afdcd")["terms"]
    assert "afdcd tap=stage4 distance=1e-6 contrast=0.005" in distilled("voc/pspnet-afdcd")["terms"]
    assert "cwd weight=5 tap=feature temperature=4" in distilled("cityscapes/segformer-cwd")["terms"]


def test_rows_of_the_distilled_tables_with_their_own_schedule_have_it() -> None:
    files = sorted((CONFIGS / "distill").glob("*/*.yaml"))
    names = {path: f"{path.parent.name}/{path.stem}" for path in files if "segformer" not in path.stem}
    decay = {name for path, name in names.items() if read(path)["weight_decay"] != 1e-4}
    rate = {name: read(path)["learning_rate"] for path, name in names.items() if read(path)["learning_rate"] != 0.02}
    assert decay == {"cityscapes/deeplabv3-kd-fotf", "cityscapes/pspnet-kd-fotf"}
    assert rate == {"voc/pspnet-kd-fotf": 0.015, "voc/deeplabv3-cirkd-fotf": 0.015, "voc/pspnet-cirkd-fotf": 0.016}


@pytest.mark.parametrize(("name", "steps", "rate", "warmup", "keys", "prompts"), [
    ("voc", 20_000, 2e-4, 50, 10, 92), ("coco", 100_000, 1e-4, 200, 5, 144),
])  # fmt: skip
def test_diclips_presets_are_its_logs(name: str, steps: int, rate: float, warmup: int, keys: int, prompts: int) -> None:
    """Learning rates of the trained groups are ten times the rate; prompts are num_attri less one key a class."""
    preset = read(CONFIGS / "diclip" / f"{name}.yaml")
    assert (preset["steps"], preset["learning_rate"], preset["warmup"]) == (steps, rate, warmup)
    assert (preset["head_rate"], preset["schedule"], preset["power"], preset["weight_decay"]) == (
        10, "poly-warmup", 1, 0.01)  # fmt: skip
    assert (preset["batch"], preset["crop"], preset["cam_weight"]) == (4, [320, 320], 0.1)
    assert (preset["cache_centroids"], preset["adapter_prompts"]) == (keys, prompts)
