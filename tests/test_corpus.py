"""Files that broke readers once, or might: each is answered, or refused with an error for users."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seglet.data.class_files import read_class_table
from seglet.data.description import load_description
from seglet.engine.experiment_file import read_yaml
from seglet.inference.import_masks import ImportOptions, import_masks

CORPUS = Path(__file__).parent / "fixtures/corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
READERS = {"experiment": read_yaml, "class-table": read_class_table, "description": load_description}


def answered(file, kind, out):
    """Reads a file; errors for users are answers, all others are raised."""
    read = READERS.get(kind, lambda path: import_masks(path, out, ImportOptions()))
    try:
        return read(file) is not None
    except (ValueError, OSError) as error:
        return bool(str(error))


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_every_file_of_the_corpus_is_answered(file, tmp_path, unchecked):
    assert answered(file, file.parent.name, tmp_path / "out")


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(FILES), cut=st.integers(0, 200), added=st.binary(max_size=6), skipped=st.integers(0, 4))
def test_so_are_files_near_them(place, cut, added, skipped, tmp_path_factory, unchecked):
    folder = tmp_path_factory.mktemp("near")
    content = place.read_bytes()
    (folder / place.name).write_bytes(content[:cut] + added + content[cut + skipped :])
    assert answered(folder / place.name, place.parent.name, folder / "out")
