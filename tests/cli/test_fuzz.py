"""Whatever is typed: an answer or one clear error, never a traceback."""

import contextlib
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cli.texts import COMMANDS, OPTIONS, VALUES

from seglet.cli.main import main

junk = st.text(st.characters(exclude_characters="/"), max_size=6)  # no slash: nothing may be written elsewhere
value = st.one_of(st.sampled_from(VALUES), junk)
phrase = st.builds(lambda option, values: [option, *values], st.sampled_from(OPTIONS), st.lists(value, max_size=2))
phrases = st.lists(st.one_of(phrase, st.lists(value, max_size=1)), max_size=4)


@pytest.fixture
def place(tmp_path, monkeypatch, model, images):
    """An empty folder to work in, beside which a model and images lie under the names the fuzzer knows."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/MODEL").symlink_to(model)
    (tmp_path / "here/IMAGES").symlink_to(images)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(command=st.sampled_from(COMMANDS), rest=phrases)
def test_every_command_line_is_answered(command, rest, place):
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = main([*command, *(word for phrase in rest for word in phrase)])
    assert code in (0, 2), complained.getvalue()
    assert "Traceback" not in complained.getvalue()
    assert code == 0 or said.getvalue() or "error: " in complained.getvalue()
