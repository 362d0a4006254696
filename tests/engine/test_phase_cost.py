"""Time and memory of the phases of a run: added up, kept beside offline results, written into the record."""

from pathlib import Path

import pytest
import torch
from tests.engine.toys import tiny

from seglet.engine.phase_cost import PhaseCost, PhaseTimer, noted_cost, offline_costs, read_cost, total_cost
from seglet.engine.train import train_experiment
from seglet.files import read_json, write_json

CPU = torch.device("cpu")


def test_parts_one_after_the_other_add_their_time_and_share_the_largest_peak() -> None:
    whole = PhaseCost(60, 2**30, "cpu").after(PhaseCost(120, 3 * 2**30, "cpu"))
    assert whole == PhaseCost(180, 3 * 2**30, "cpu")
    assert whole.text() == "3 min, at most 3.0 GiB on cpu"
    assert PhaseCost(60, None, "x").after(PhaseCost(1, None, "x")).text() == "61 s on x"
    assert total_cost([]) is None


def test_an_interrupted_computation_goes_on_counting(tmp_path: Path) -> None:
    folder = tmp_path / "attention-0123"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), noted_cost(folder, CPU):
            raise KeyboardInterrupt
    write_json(tmp_path / "costs" / "attention-0123-1.json", {"seconds": 1e4, "peak_memory": 5, "device": "b"})
    found = offline_costs({"attention": folder, "cache": tmp_path / "cache-4567"})
    assert list(found) == ["attention"]
    assert found["attention"].seconds == 1e4  # of two processes the slower one


def test_a_damaged_file_is_no_cost(tmp_path: Path) -> None:
    (tmp_path / "costs").mkdir()
    (tmp_path / "costs" / "a-1-0.json").write_text("{")
    assert offline_costs({"a": tmp_path / "a-1"}) == {}
    assert read_cost({"second": 1}) is read_cost(None) is None


def test_a_run_says_what_its_training_took_and_adds_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_experiment(tiny(steps=2), tmp_path / "run")
    assert "online phase (training): " in capsys.readouterr().err
    noted = read_json(run.record)["cost"]
    assert noted["offline"] == {}
    assert noted["online"]["peak_memory"] > 2**27
    run.note_costs({}, PhaseTimer(CPU).cost())
    assert run.costs()["online"].seconds > noted["online"]["seconds"]
