"""Every golden file found is understood by some test: a number nobody compares with protects nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.conftest import Case, golden_root, pytest_configure, pytest_generate_tests
from tests.golden_claims import claimed, unclaimed

HERE = Path(__file__).parent
RETIRED = {("weak", "cam_to_label")}  # labels from plain maps, which no method used; the code went, the numbers stay


def test_every_golden_file_belongs_to_a_family_some_test_claims(request: pytest.FixtureRequest) -> None:
    root = golden_root(request.config)
    strangers = unclaimed(root, claimed(HERE.rglob("*.py")) | RETIRED)
    assert not strangers, f"no test claims these files of {root}: {', '.join(strangers)}"


def test_no_retired_family_is_claimed() -> None:
    assert claimed(HERE.rglob("*.py")).isdisjoint(RETIRED)


@pytest.fixture
def golden_folder(tmp_path: Path) -> Path:
    (tmp_path / "kd").mkdir()
    (tmp_path / "kd" / "known_case0.npz").touch()
    return tmp_path


def test_a_claimed_family_is_known(golden_folder: Path) -> None:
    assert unclaimed(golden_folder, {("kd", "known")}) == []


STRANGERS = ["kd/unknown_case0.npz", "kd/known.npz", "kd/known_caseX.npz", "semi/known_case0.npz", "known_case0.npz"]


@pytest.mark.parametrize("stranger", [*STRANGERS, "kd/deeper/known_case0.npz"])
def test_an_unknown_name_or_folder_is_reported(golden_folder: Path, stranger: str) -> None:
    (golden_folder / stranger).parent.mkdir(parents=True, exist_ok=True)
    (golden_folder / stranger).touch()
    assert unclaimed(golden_folder, {("kd", "known")}) == [stranger]


def test_claims_are_read_from_the_source_of_tests(tmp_path: Path) -> None:
    file = tmp_path / "test_probe.py"
    file.write_text('import pytest\n@pytest.mark.golden("kd", "probe")\ndef test_it(case): ...\n')
    assert claimed([file]) == {("kd", "probe")}


def test_a_claim_by_variable_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "test_probe.py"
    file.write_text('import pytest\nF = "probe"\n@pytest.mark.golden("kd", F)\ndef test_it(case): ...\n')
    with pytest.raises(ValueError, match=r"test_probe\.py:3.*two plain strings"):
        claimed([file])


def config_of(folder: Path) -> Any:
    return SimpleNamespace(getoption=lambda name: str(folder))


def runs_of(folder: Path, family: str) -> list[Any]:
    """The runs that a test of `kd/family` gets in this folder."""
    given: list[Any] = []
    marker = SimpleNamespace(args=("kd", family))
    test = SimpleNamespace(
        config=config_of(folder),
        definition=SimpleNamespace(iter_markers=lambda name: [marker]),
        parametrize=lambda name, runs, indirect: given.extend(runs),
    )
    pytest_generate_tests(test)  # type: ignore[arg-type]
    return given


def test_a_test_runs_once_for_each_case_of_its_family(golden_folder: Path) -> None:
    (golden_folder / "kd" / "known_case7.npz").touch()
    assert [run.id for run in runs_of(golden_folder, "known")] == ["known_case0", "known_case7"]


def test_a_family_that_a_folder_lacks_is_skipped_with_its_name(golden_folder: Path) -> None:
    (run,) = runs_of(golden_folder, "other")
    assert run.marks[0].name == "skip"
    assert run.marks[0].kwargs["reason"] == f"no golden case kd/other_case*.npz in {golden_folder.resolve()}"


def test_a_folder_without_any_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pytest.UsageError, match="no golden case"):
        pytest_configure(config_of(tmp_path))


def test_a_key_that_a_case_lacks_fails_with_its_name() -> None:
    case = Case(Path("kd/known_case0.npz"), {"in_x": np.zeros(1)})
    with pytest.raises(pytest.fail.Exception, match=r"kd/known_case0\.npz lacks 'hp_tau'; it has name, in_x"):
        case["hp_tau"]
