"""How commands are found, and what becomes of errors."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seglet.cli import doctor, main

HEAVY = ("torch", "lightning", "numpy", "PIL", "yaml", "rich")
SRC = Path(__file__).parents[2] / "src"


def in_python(code: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    "words", [["--help"], ["data"], ["--version"], ["predict", "--help"], ["refine", "--help"], ["evaluate", "--help"]]
)
def test_help_imports_nothing_heavy(words):
    code = f"import sys; from seglet.cli.main import main; main({words}); print(*{HEAVY} & sys.modules.keys(), 'heavy')"
    assert in_python(code.replace(str(HEAVY), str(set(HEAVY)))).stdout.splitlines()[-1].split() == ["heavy"]


def test_help_comes_at_once():
    began = time.perf_counter()
    in_python("from seglet.cli.main import main; main(['--help'])")
    assert time.perf_counter() - began < 1


def test_python_m_seglet_is_the_same_program():
    code = "import runpy, sys; sys.argv = ['seglet', '--version']\ntry: runpy.run_module('seglet', run_name='__main__')"
    assert in_python(f"{code}\nexcept SystemExit as stop: print(stop.code)").stdout.split()[-1] == "0"


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_explains_itself(name, seglet):
    shown = seglet(*name.split(), "--help")
    assert shown.code == 0
    assert f"usage: seglet {name}" in shown.out


def test_the_overview_names_every_command(seglet):
    assert all(name in seglet("--help").out for name in main.COMMANDS)
    assert seglet().out == seglet("help").out


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("evalute", "evaluate"), ("predcit", "predict"), ("data chek", "data check"), ("dta view", "data view")],
)
def test_a_wrong_command_is_answered_with_the_nearest(wrong, right, seglet):
    done = seglet(*wrong.split())
    assert done.code == 2
    assert f"did you mean {right!r}?" in done.err or f"did you mean {right!r}?" in seglet(wrong).err


def test_a_wrong_option_is_answered_with_the_nearest(seglet):
    done = seglet("predict", "model", "image.png", "--ot", "x", "--out", "y")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: unknown option '--ot'; did you mean '--out'?; see `seglet predict --help`\n"


def test_options_are_not_shortened(seglet):
    assert "'--js'; did you mean '--json'?" in seglet("doctor", "--js").err


def test_a_missing_file_is_one_line(seglet, tmp_path):
    done = seglet("data", "check", tmp_path / "nothing")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) == 1


def test_debugging_shows_where_an_error_came_from(seglet, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGLET_DEBUG", "1")
    assert "Traceback" in seglet("data", "check", tmp_path / "nothing").err


def raising(monkeypatch, error):
    def run(arguments):
        raise error

    monkeypatch.setattr(doctor, "run", run)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("bad"), 2, "error: bad"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: Permission denied: '/x'"),
        (MemoryError(), 2, "memory ran out"),
        (RuntimeError("CUDA out of memory. Tried"), 2, "memory ran out"),
        (RuntimeError("odd"), 1, "this is a bug in seglet"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_happened_decides_the_exit_code(error, code, message, seglet, monkeypatch):
    raising(monkeypatch, error)
    done = seglet("doctor")
    assert done.code == code
    assert message in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_termination_ends_with_its_number_and_restores_the_handler(number, seglet, monkeypatch):
    before = signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    monkeypatch.setattr(doctor, "run", lambda arguments: signal.raise_signal(number))
    code, after = seglet("doctor").code, signal.signal(number, before)
    assert (code, after) == (128 + number, signal.SIG_DFL)


def test_under_nohup_a_closed_terminal_ends_nothing(seglet, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(doctor, "run", lambda arguments: signal.raise_signal(signal.SIGHUP) or 0)
    assert seglet("doctor").code == 0
    signal.signal(signal.SIGHUP, before)


def test_an_interruption_may_know_its_signal_and_what_to_do(seglet, monkeypatch):
    error = KeyboardInterrupt("saved; go on with --resume")
    error.signal = signal.SIGTERM
    raising(monkeypatch, error)
    done = seglet("doctor")
    assert (done.code, done.err) == (143, "saved; go on with --resume\n")


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m seglet --help | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode in (0, 141), done.stderr) == (True, "")
