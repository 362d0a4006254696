"""Files that broke readers once, or might: each is answered, or refused with an error for users."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools.readers import CORPUS, READERS, answer_of

from tools import fuzz

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(CORPUS).as_posix())
@pytest.mark.filterwarnings("ignore")  # of damaged images
def test_every_file_of_the_corpus_is_answered(file: Path, unchecked: None) -> None:
    assert answer_of(file.parent.name, file)


def test_every_reader_has_a_corpus() -> None:
    assert {file.parent.name for file in FILES} == set(READERS)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(FILES), cut=st.integers(0, 200), added=st.binary(max_size=6), skipped=st.integers(0, 4))
@pytest.mark.filterwarnings("ignore")
def test_so_are_files_near_them(
    place: Path, cut: int, added: bytes, skipped: int, tmp_path_factory: pytest.TempPathFactory, unchecked: None
) -> None:
    content = place.read_bytes()
    near = tmp_path_factory.mktemp("near") / place.name
    near.write_bytes(content[:cut] + added + content[cut + skipped :])
    assert answer_of(place.parent.name, near)


def test_without_atheris_fuzzing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    assert fuzz.main(["json"]) == 2
    assert "seglet[fuzz]" in capsys.readouterr().err
