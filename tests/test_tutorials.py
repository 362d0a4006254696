"""Tutorials: their examples have the commands of their pages, and run on fewer scenes and steps."""

import importlib.util
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from tests.documents import ROOT, blocks, text

from seglet.cli.main import main

TUTORIALS = ("tags-to-onnx", "dark-images")
SHORTER = {
    "--steps": ("2",),
    "--warmup": ("0",),
    "--validate_every": ("2",),
    "--crop": ("64", "64"),
    "--batch": ("2",),
    "--world_scenes": ("24",),
}
"""Options of the pages whose values are replaced."""
ALSO = {
    "configs/diclip/world.yaml": "--data world:scenes=24,size=64 --crop 64 64 --cache_size 64 --cache_images 1"
    " --batch 2",
    "configs/ssss/world.yaml": "--batch 2 --workers 0 --validate_every 2",
    "configs/dgkd/world.yaml": "--batch 2 --workers 0 --validate_every 2 --score_teacher false",
    "supervised": "--workers 0",
    "fotf": "--workers 0",
}
"""Options that are added to the experiments."""


def lines(shell: str) -> list[str]:
    """Returns the commands of a script or of a page's block, each in one line."""
    joined = (re.sub(r"\s+", " ", line).strip() for line in shell.replace("\\\n", " ").splitlines())
    return [line for line in joined if line.startswith(("seglet ", "python "))]


def steps(name: str) -> list[str]:
    return lines(text(f"examples/{name}.sh"))


def shortened(words: list[str]) -> list[str]:
    """Returns the same command with less work."""
    found, waiting = [], 0
    for word in words:
        if waiting:
            waiting -= 1
            continue
        found.append(re.sub(r"scenes=\d+,size=\d+", "scenes=8,size=64", word))
        if word in SHORTER:
            found += SHORTER[word]
            waiting = len(SHORTER[word])
    if words[0] in ("train", "prepare"):
        found += ALSO[words[1]].split()
    return [*found, "--jobs", "1"] if words[:2] == ["data", "darken"] else found


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *words = shlex.split(line)
    if program == "seglet":
        assert main(shortened(words)) == 0, line
    else:
        monkeypatch.setattr(sys, "argv", [*words, "8", "4", "64"])
        runpy.run_path(words[0], run_name="__main__")


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_example_is_what_the_page_says(name: str) -> None:
    shown = [line for block in blocks(text(f"docs/tutorials/{name}.md"), "sh") for line in lines(block)]
    assert [line for line in shown if line in steps(name)] == steps(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", TUTORIALS)
def test_the_page_can_be_followed_from_beginning_to_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unchecked: None
) -> None:
    for folder in ("configs", "examples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for line in steps(name):
        if line.startswith("seglet export") and importlib.util.find_spec("onnx") is None:
            continue
        run(line, monkeypatch)
    assert any((tmp_path / "runs").rglob("model.safetensors"))
