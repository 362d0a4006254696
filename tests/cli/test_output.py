"""What is printed, and where."""

import json

import pytest

from seglet.cli.output import print_result, table_lines
from seglet.engine.console import printable_text
from seglet.engine.output_folder import check_output_folder, check_writable


def test_json_keeps_stdout_for_one_object(capsys):
    print_result("for people", {"name": "\ud800ü", "none": None}, as_json=True)
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"name": "\ud800ü", "none": None}
    assert shown.err == "for people\n"


def test_names_cannot_steer_the_terminal():
    assert printable_text("a\x1b[2Jb\nc\td\r", None) == "a\\x1b[2Jb\nc\td\\r"


def test_what_the_terminal_cannot_show_is_escaped():
    assert printable_text("für 图", "latin-1") == "für \\u56fe"


def test_columns_line_up():
    assert table_lines([("a", "10"), ("bcd", "1")]) == ["  a    10", "  bcd   1"]


def test_a_place_that_cannot_be_written_is_refused_beforehand(tmp_path):
    with pytest.raises(ValueError, match="choose another --out"):
        check_writable(tmp_path)
    check_writable(tmp_path / "new" / "file.json")
    assert (tmp_path / "new").is_dir()


def test_a_refused_file_or_folder_names_the_options_that_the_command_has(tmp_path):
    with pytest.raises(ValueError, match=r"choose another --audit$"):
        check_writable(tmp_path, "--audit")
    (tmp_path / "plan.json").write_text('{"settings": {"seeds": 2}}')
    now = {"settings": {"seeds": 3}}
    with pytest.raises(ValueError, match=r"seeds was 2, is 3; choose another --out, or --overwrite them$"):
        check_output_folder(tmp_path, "plan.json", now, overwrite=False)
    with pytest.raises(ValueError, match=r"seeds was 2, is 3; choose another --out$"):
        check_output_folder(tmp_path, "plan.json", now, overwrite=None)
    check_output_folder(tmp_path, "plan.json", now, overwrite=True)
    check_output_folder(tmp_path, "plan.json", {"settings": {"seeds": 2}}, overwrite=None)
