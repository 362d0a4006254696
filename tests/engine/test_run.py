"""What a run's folder says of itself."""

import os
from pathlib import Path

from seglet.engine.run import Run

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
