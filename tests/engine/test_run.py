"""What a run's folder says of itself."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.engine.toys import tiny

from seglet.engine.run import Run
from seglet.files import read_json, write_json
from seglet.values import ConfigError

KEPT = Path(__file__).parents[1] / "fixtures/0.1.0/supervised"


def test_a_run_stands_wherever_a_path_can(tmp_path: Path) -> None:
    assert os.fspath(Run(tmp_path)) == str(tmp_path)
    assert Path(Run(str(tmp_path))) == tmp_path


def test_its_text_says_how_far_it_is_and_how_good() -> None:
    assert repr(Run(KEPT)) == f"Run({str(KEPT)!r}: supervised, step 6 of 6, best mIoU 0.82 % at step 6)"


def test_its_metrics_are_read_line_by_line(tmp_path: Path) -> None:
    lines = Run(KEPT).read_metrics()
    assert [line["step"] for line in lines] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert 0 < lines[-1]["val/miou"] < 1
    (tmp_path / "metrics.jsonl").write_text((KEPT / "metrics.jsonl").read_text() + '{"step": 4, "tr')
    assert Run(tmp_path).read_metrics() == lines


def test_a_run_that_has_not_begun_says_so(tmp_path: Path) -> None:
    assert repr(Run(tmp_path)) == f"Run({str(tmp_path)!r}: not started)"
    assert Run(tmp_path).read_metrics() == []


def old_run(tmp_path: Path) -> Run:
    """A finished run, which may be changed."""
    shutil.copytree(KEPT, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.mark.parametrize("name", ["notes.txt", "checkpoints/mine.ckpt", "model/labels.json", "samples/photo.jpg"])
def test_what_is_no_part_of_a_run_is_never_deleted_with_it(name: str, tmp_path: Path) -> None:
    run = old_run(tmp_path)
    (run.folder / name).parent.mkdir(exist_ok=True)
    (run.folder / name).write_text("mine")
    before = sorted(run.folder.rglob("*"))
    with pytest.raises(ConfigError, match=f"no part of a run, such as .*{name}"):
        run.start(tiny(), {}, overwrite=True)
    assert sorted(run.folder.rglob("*")) == before


def test_an_old_run_gives_way_as_a_whole(tmp_path: Path) -> None:
    run = old_run(tmp_path)
    (run.folder / "scores.json").write_text("{}")
    run.start(tiny(), {}, overwrite=True)
    assert sorted(path.name for path in run.folder.iterdir()) == ["experiment.yaml", "record.json"]


@pytest.mark.parametrize("left", ["checkpoints", "last"])
def test_what_an_interrupted_deletion_left_is_not_taken_into_a_new_run(left: str, tmp_path: Path) -> None:
    (tmp_path / left).mkdir()
    with pytest.raises(ConfigError, match="holds a run already"):
        Run(tmp_path).start(tiny(), {}, overwrite=False)


def test_a_run_that_was_killed_before_its_record_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.start(tiny(), {}, overwrite=False)
    run.record.unlink()
    run.resume(tiny(), {}, force=False)
    assert run.record.is_file()


def test_another_number_of_threads_or_devices_is_recorded_and_warned_of(tmp_path: Path, capsys: Any) -> None:
    run = Run(tmp_path)
    run.start(tiny(), {}, overwrite=False)
    record = read_json(run.record)
    write_json(run.record, record | {"machine": {"threads": 64, "devices": 2}})
    run.resume(tiny(), {}, force=False)
    assert "threads: 64 before, 1 now; devices: 2 before, 1 now" in capsys.readouterr().err
    assert read_json(run.record)["resumed"][0]["otherwise"][0] == "threads: 64 before, 1 now"
