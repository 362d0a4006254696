"""Runs in processes of their own, killed and resumed: the result must not show it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine.toys import ONE_THREAD

from seglet.files import file_sha256

TINY = (
    "--student deeplabv3-resnet18 --width 0.0625 --crop 32 32 --world_size 32 --world_scenes 100 --batch 4 --steps 8 "
)
TINY += "--validate_every 4 --checkpoint_every 1 --workers 0 --selection last"


def command(out: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "seglet", "train", "supervised", "--out", str(out), *TINY.split(), *words]


def finish(out: Path, *words: str) -> str:
    """Runs to the end; the digest of the final weights."""
    done = subprocess.run(
        command(out, *words), capture_output=True, text=True, env=ONE_THREAD, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return file_sha256(out / "last" / "model.safetensors")


def stop(out: Path, number: int, after: int, *words: str) -> int:
    """Sends a signal once the checkpoint of step `after` is there; the exit code."""
    process = subprocess.Popen(
        command(out, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ONE_THREAD
    )
    checkpoint, until = out / "checkpoints" / f"step-{after:07d}", time.monotonic() + 300
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(number)
    return process.wait(120)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return finish(tmp_path_factory.mktemp("whole") / "run")


def test_a_killed_run_resumes_to_the_same_weights(whole, tmp_path):
    assert stop(tmp_path / "run", signal.SIGKILL, 3) == -signal.SIGKILL
    assert not (tmp_path / "run" / "last").exists()
    assert finish(tmp_path / "run", "--resume", "--workers", "2") == whole


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_a_stopped_run_saves_its_last_step_and_says_how_to_go_on(whole, tmp_path, number):
    words = ("--checkpoint_every", "100")
    out = tmp_path / "run"
    process = subprocess.Popen(
        command(out, *words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=ONE_THREAD
    )
    while not (out / "metrics.jsonl").exists() and process.poll() is None:  # until the first step is done
        time.sleep(0.01)
    process.send_signal(number)
    _, error_output = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("the run was over before the signal came")
    assert process.returncode == 128 + number
    assert "--resume" in error_output
    assert finish(out, "--resume", *words) == whole


@pytest.mark.slow
def test_a_job_of_slurm_begins_from_no_checkpoint_that_lies_about(whole, tmp_path):
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"weights of another run")
    slurm = {"SLURM_NTASKS": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "night", "SLURM_PROCID": "0"}
    slurm |= {"SLURM_LOCALID": "0", "SLURM_NODELIST": "node", "SLURM_NODEID": "0"}
    words = {"env": ONE_THREAD | slurm, "cwd": tmp_path, "capture_output": True, "text": True}
    done = subprocess.run(command(tmp_path / "run"), timeout=300, check=False, **words)
    assert done.returncode == 0, done.stderr
    assert file_sha256(tmp_path / "run" / "last" / "model.safetensors") == whole


def test_two_processes_resume_to_the_same_weights(tmp_path):
    words = ("--devices", "2", "--workers", "2", "--batch", "8", "--accumulate", "2")
    whole = finish(tmp_path / "whole", *words)
    stop(tmp_path / "run", signal.SIGTERM, 3, *words)
    assert finish(tmp_path / "run", "--resume", *words) == whole


@pytest.mark.parametrize("word", ["--resume", "--overwrite"])
def test_a_run_that_goes_on_elsewhere_is_left_alone(tmp_path, word):
    out, steps = tmp_path / "run", ("--steps", "100000", "--checkpoint_every", "100")
    with subprocess.Popen(command(out, *steps), env=ONE_THREAD, stderr=subprocess.DEVNULL) as first:
        while not (out / "metrics.jsonl").exists() and first.poll() is None:
            time.sleep(0.01)
        second = subprocess.run(command(out, *steps, word), capture_output=True, text=True, env=ONE_THREAD, check=False)
        first.kill()
    assert second.returncode == 2
    assert f"in use by process {first.pid}" in second.stderr


def test_a_run_is_not_resumed_as_another(whole, tmp_path):
    stop(tmp_path / "run", signal.SIGKILL, 2)
    resumed = subprocess.run(
        command(tmp_path / "run", "--resume", "--learning_rate", "0.5"),
        capture_output=True,
        text=True,
        check=False,
        env=ONE_THREAD,
    )
    assert resumed.returncode == 2
    assert "learning_rate: was 0.02, now 0.5" in resumed.stderr


@pytest.mark.slow
def test_two_processes_score_the_very_model_they_keep(tmp_path):
    out = tmp_path / "run"
    finish(out, "--devices", "2", "--batch", "8", "--learning_rate", "0.1")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    data = "world:scenes=100,size=32"
    words = ["evaluate", str(out / "last"), "--data", data, "--split", "val", "--out", str(tmp_path / "scores.json")]
    subprocess.run([sys.executable, "-m", "seglet", *words], check=True, capture_output=True, env=ONE_THREAD)
    alone = json.loads((tmp_path / "scores.json").read_text())
    assert lines[-1]["val/pixel_accuracy"] == pytest.approx(alone["pixel_accuracy"], abs=1e-6)
    assert lines[-1]["val/ece_10"] == pytest.approx(alone["ece_10"], abs=1e-6)
