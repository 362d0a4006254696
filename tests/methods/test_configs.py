"""The shipped files hold only what differs from the defaults, with its source; resolved, the values are the papers'."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from seglet import methods
from seglet.engine.experiment import resolve_experiment
from seglet.engine.experiment_file import TABLE_ROWS, experiments_in, read_yaml
from seglet.engine.settings import Settings
from seglet.methods.distill.term_spec import parse_terms
from seglet.values import convert_value

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
FILES = sorted(CONFIGS.rglob("*.yaml"))
EXPERIMENTS = [Path(source).relative_to(CONFIGS).as_posix() for file in FILES for source in experiments_in(file)]
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CONFIGS).as_posix())
every_experiment = pytest.mark.parametrize("name", EXPERIMENTS)

MOST_LINES = {
    "afa/world.yaml": 17,
    "diclip/paper.yaml": 16,
    "diclip/world.yaml": 31,
    "unimatch-v2/paper.yaml": 17,
    "viladiff/world.yaml": 26,
    "weclip/world.yaml": 19,
}
"""Worlds whose networks are all miniatures; other files have at most 15 lines below their header."""
MOST_LINES_OF_A_ROW = 6
METHODS_OF_FOLDERS = {"unimatch-v2": "fixmatch"}
"""Methods whose experiments have another name in the literature."""


@cache
def resolved(name: str) -> dict[str, Any]:
    return resolve_experiment(CONFIGS / name, {}).values()


def restated(method: str, below: Mapping[str, Any], keys: Mapping[str, Any]) -> Iterable[str]:
    """Returns the keys whose value is the same without them."""
    hints = get_type_hints(Settings) | get_type_hints(methods.load_method(method).Config)
    return [
        key for key in keys if convert_value(key, keys[key], hints[key]) == convert_value(key, below[key], hints[key])
    ]


@every_file
def test_no_line_restates_what_holds_without_it(path: Path) -> None:
    shared = read_yaml(path)
    method, rows = shared.pop("method"), shared.pop(TABLE_ROWS, {})
    defaults = {f.name: f.default for kind in (Settings, methods.load_method(method).Config) for f in fields(kind)}
    assert restated(method, defaults, shared) == []
    assert [key for row in rows.values() for key in restated(method, defaults | shared, row)] == []


@every_file
def test_every_key_and_row_has_its_source_beside_it(path: Path) -> None:
    stated = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"(  )?[\w.-]+:", line)]
    bare = [line for line in stated if not re.search(r"\S  # \S", line)]
    assert [line for line in bare if not re.match(r"(method: [\w-]+|rows:)$", line)] == []


@every_file
def test_two_lines_say_what_a_file_is_and_how_to_run_it(path: Path) -> None:
    first, second, third, *_ = path.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ")
    assert second.startswith("#   seglet train configs/")
    assert third == f"method: {METHODS_OF_FOLDERS.get(path.parent.name, path.parent.name)}"
    assert ROOT / second.split()[3] in map(Path, experiments_in(path))


@every_file
def test_a_file_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    shared, _, rows = text.partition("\nrows:")
    assert max(map(len, text.splitlines())) <= 120
    assert len(shared.splitlines()) - 2 <= MOST_LINES.get(path.relative_to(CONFIGS).as_posix(), 15)
    assert all(row.count("\n") <= MOST_LINES_OF_A_ROW for row in re.split(r"\n(?=  \S)", rows)[1:])


@every_file
def test_files_that_a_file_names_are_there(path: Path) -> None:
    named = re.findall(r"configs/[\w/-]+\.yaml(?:#[\w-]+)?", path.read_text(encoding="utf-8"))
    assert [name for name in named if name.removeprefix("configs/") not in {*EXPERIMENTS, *(
        file.relative_to(CONFIGS).as_posix() for file in FILES)}] == []  # fmt: skip


@every_experiment
def test_an_experiment_runs_without_any_download(name: str) -> None:
    assert resolved(name)["data"] == "world"


# Appendix A.3 of the paper, (κ, m): without a teacher, and with vanilla distillation
PRESETS = {
    "cityscapes-deeplabv3": ((5, 1), (5, 1)),
    "cityscapes-pspnet": ((7, 1), (6, 1)),
    "camvid-deeplabv3": ((3, 1), (10, 10)),
    "camvid-pspnet": ((1, 1), (2, 1)),
    "voc-deeplabv3": ((9, 1), (3, 1)),
    "voc-pspnet": ((3, 3), (3, 1)),
}


def fotf(name: str, mode: str) -> dict[str, Any]:
    data, _, network = name.partition("-")
    return resolved(f"fotf/{data}.yaml#{network}-{mode}")


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_papers(name: str) -> None:
    baseline, taught = (fotf(name, mode) for mode in ("baseline", "kd"))
    assert ((baseline["kappa"], baseline["m"]), (taught["kappa"], taught["m"])) == PRESETS[name]
    assert baseline["teacher"] is None
    assert taught["teacher"] is not None


def test_rows_with_their_own_schedule_have_it() -> None:
    decay = {name: fotf(name, "kd")["weight_decay"] for name in PRESETS}
    rate = {name: fotf(name, "kd")["learning_rate"] for name in PRESETS}
    assert {name for name, value in decay.items() if value == 5e-4} == {"cityscapes-deeplabv3", "cityscapes-pspnet"}
    assert {name for name, value in rate.items() if value == 0.015} == {"voc-pspnet"}


def differing(name: str, other: str) -> dict[str, Any]:
    """Returns the keys of a row of FOTF's Cityscapes that another row of it has otherwise."""
    first, second = (resolved(f"fotf/cityscapes.yaml#{row}") for row in (name, other))
    return {key: value for key, value in first.items() if value != second[key]}


def test_rows_of_the_ablations_have_the_decay_of_all_others() -> None:
    assert differing("deeplabv3-table5", "deeplabv3-kd") == {"weight_decay": 1e-4}
    assert differing("deeplabv3-table4", "deeplabv3-table5") == {"weigh_task": False}


@pytest.mark.parametrize("network", ["deeplabv3", "pspnet"])
def test_a_control_row_is_vanilla_distillation_at_the_decay_of_fotf(network: str) -> None:
    control, kd = (fotf(f"cityscapes-{network}", mode) for mode in ("kd-control", "kd"))
    assert control["weight_decay"] == kd["weight_decay"] == 5e-4
    assert not control["weigh_kd"]
    assert not control["weigh_task"]


# Tables 1 and 3: the rows of each network on each data set, and Appendix A.3's (κ, m) of those with FOTF
ROWS_OF_TABLES = ["kd", "skd", "ifvd", "cwd", "cirkd", "afdcd"]
WEIGHED = {
    "cityscapes/deeplabv3": {"kd": (5, 1), "cirkd": (1, 1), "afdcd": (7, 1)},
    "cityscapes/pspnet": {"kd": (6, 1), "cirkd": (5, 1), "afdcd": (5, 1)},
    "cityscapes/segformer": {"cirkd": (1, 1)},
    "camvid/deeplabv3": {"kd": (10, 10), "cirkd": (7, 1), "afdcd": (1, 3)},
    "camvid/pspnet": {"kd": (2, 1), "cirkd": (10, 1), "afdcd": (3, 3)},
    "voc/deeplabv3": {"kd": (3, 1), "cirkd": (3, 1)},
    "voc/pspnet": {"kd": (3, 1), "cirkd": (1, 1)},
}


def distilled() -> list[str]:
    """Returns the rows of the tables as `voc/pspnet-cwd`."""
    names = [name.removeprefix("distill/") for name in EXPERIMENTS if name.startswith("distill/") and "#" in name]
    return [name.replace("-segformer.yaml#", "/segformer-").replace(".yaml#", "/") for name in names]


def distil(name: str) -> dict[str, Any]:
    data, _, row = name.partition("/")
    if row.startswith("segformer-"):
        return resolved(f"distill/{data}-segformer.yaml#{row.removeprefix('segformer-')}")
    return resolved(f"distill/{data}.yaml#{row}")


@pytest.mark.parametrize("network", WEIGHED)
def test_every_row_of_the_tables_is_there(network: str) -> None:
    rows = [row for row in ROWS_OF_TABLES if row != "kd"] if network.endswith("segformer") else ROWS_OF_TABLES
    wanted = {*rows, *(f"{row}-fotf" for row in WEIGHED[network])}
    found = {name.removeprefix(f"{network}-") for name in distilled() if name.startswith(f"{network}-")}
    assert found - {"cirkd-dropout", "dist"} == wanted


@pytest.mark.parametrize("network", ["deeplabv3", "pspnet"])
def test_dist_is_alone_with_its_auxiliary_term_at_its_decay(network: str) -> None:
    preset = distil(f"cityscapes/{network}-dist")
    assert preset["weight_decay"] == 0.0005
    assert preset["student"] == f"{network}-resnet18"
    first, second = parse_terms(preset["terms"])
    assert [(t.options.weight, t.places) for t in (first, second)] == [(1, ("logits",) * 2), (0.4, ("auxiliary",) * 2)]


@pytest.mark.parametrize("network", WEIGHED)
def test_weighed_rows_have_the_papers_kappa_and_m_and_the_others_are_not_weighed(network: str) -> None:
    for row, expected in WEIGHED[network].items():
        weighed = distil(f"{network}-{row}-fotf")
        assert (weighed["kappa"], weighed["m"]) == expected
        assert weighed["weigh_kd"] is weighed["weigh_task"] is True
    plain = distil(f"{network}-cirkd")
    assert plain["weigh_kd"] is plain["weigh_task"] is False


def test_weights_follow_the_data_set_as_in_the_authors_scripts() -> None:
    assert "cirkd-memory pixel=0.01 region=0.01" in distil("voc/deeplabv3-cirkd")["terms"]
    assert "cirkd-memory pixel=0.1 region=0.1" in distil("camvid/pspnet-cirkd")["terms"]
    assert "afdcd tap=stage4 distance=8e-6 contrast=0.01 pool=1" in distil("camvid/deeplabv3-afdcd")["terms"]
    assert "afdcd tap=stage4 distance=1e-6 contrast=0.005" in distil("voc/pspnet-afdcd")["terms"]
    assert "cwd weight=5 tap=feature temperature=4" in distil("cityscapes/segformer-cwd")["terms"]


def test_rows_of_the_distilled_tables_with_their_own_schedule_have_it() -> None:
    names = [name for name in distilled() if "segformer" not in name]
    decay = {name for name in names if distil(name)["weight_decay"] != 1e-4}
    rate = {name: distil(name)["learning_rate"] for name in names if distil(name)["learning_rate"] != 0.02}
    own = {"cityscapes/deeplabv3-dist", "cityscapes/pspnet-dist"}
    assert decay - own == {"cityscapes/deeplabv3-kd-fotf", "cityscapes/pspnet-kd-fotf"}
    assert rate == {"voc/pspnet-kd-fotf": 0.015, "voc/deeplabv3-cirkd-fotf": 0.015, "voc/pspnet-cirkd-fotf": 0.016}


@pytest.mark.parametrize(("name", "steps", "rate", "warmup", "keys", "prompts"), [
    ("voc", 20_000, 2e-4, 50, 10, 92), ("coco", 100_000, 1e-4, 200, 5, 144),
])  # fmt: skip
def test_diclips_presets_are_its_logs(name: str, steps: int, rate: float, warmup: int, keys: int, prompts: int) -> None:
    """Learning rates of the trained groups are ten times the rate; prompts are num_attri less one key a class."""
    preset = resolved(f"diclip/paper.yaml#{name}")
    assert (preset["steps"], preset["learning_rate"], preset["warmup"]) == (steps, rate, warmup)
    assert (preset["head_rate"], preset["schedule"], preset["power"], preset["weight_decay"]) == (
        10, "poly-warmup", 1, 0.01)  # fmt: skip
    assert (preset["batch"], preset["crop"], preset["cam_weight"]) == (4, [320, 320], 0.1)
    assert (preset["cache_centroids"], preset["adapter_prompts"]) == (keys, prompts)
