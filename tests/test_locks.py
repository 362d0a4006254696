import os
import signal
import subprocess
import sys
import time

import pytest

from seglet.cli.main import main
from seglet.locks import LOCK_FILE, FolderInUseError, lock_folder

HOLD = "import sys, time, pathlib, seglet.locks as locks\nwith locks.lock_folder(pathlib.Path(sys.argv[1])):\n    "
HOLD += "pathlib.Path(sys.argv[1], 'held').touch(); time.sleep(600)"


@pytest.fixture
def owner(tmp_path):
    """A process that holds a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")])
    while not (tmp_path / "out/held").exists():
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_who_the_first_is(owner, tmp_path):
    named = rf"in use by process {owner.pid} on .* since"
    with pytest.raises(FolderInUseError, match=named), lock_folder(tmp_path / "out"):
        pass


@pytest.mark.parametrize(
    "words",
    [("predict", "tiny", "IN"), ("label", "tiny", "IN", "--tool", "coco"), ("data", "export", "IN", "--tool", "coco")],
)
def test_results_of_two_processes_are_not_mixed(words, owner, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert f"in use by process {owner.pid}" in capsys.readouterr().err


def test_a_process_that_was_killed_holds_nothing(owner, tmp_path):
    owner.kill()
    owner.wait()
    assert (tmp_path / "out" / LOCK_FILE).exists()
    with lock_folder(tmp_path / "out"):
        pass
    assert not (tmp_path / "out" / LOCK_FILE).exists()


def test_a_folder_that_got_nothing_is_gone_again(tmp_path):
    with lock_folder(tmp_path / "a/b"):
        assert (tmp_path / "a/b" / LOCK_FILE).exists()
    assert list(tmp_path.iterdir()) == []


def test_the_locks_of_many_processes_are_never_held_by_two(tmp_path):
    count = (
        "import sys, pathlib, seglet.locks as locks\nf = pathlib.Path(sys.argv[1])\nfor _ in range(300):\n    try:\n"
    )
    count += "        with locks.lock_folder(f):\n            (f / 'one').open('x').close(); (f / 'one').unlink()\n"
    count += "    except locks.FolderInUseError: pass"
    both = [subprocess.Popen([sys.executable, "-c", count, str(tmp_path)]) for _ in range(3)]
    assert [each.wait(60) for each in both] == [0, 0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_children_of_a_killed_process_hold_nothing(tmp_path):
    words = HOLD.replace("; time.sleep(600)", "\n    if not __import__('os').fork():")
    words += "\n        pathlib.Path(sys.argv[1], 'forked').touch()\n    time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", words, str(tmp_path)], start_new_session=True)
    while not (tmp_path / "forked").exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    with lock_folder(tmp_path):
        os.killpg(process.pid, signal.SIGKILL)
