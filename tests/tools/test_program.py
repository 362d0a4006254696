"""`python -m tools.pretrain` and its old spelling, `seglet world pretrain`."""

from pathlib import Path
from typing import Any

import pytest
from tools.pretrain.__main__ import main

from seglet import files
from seglet.cli import world_pretrain
from seglet.cli.main import main as seglet_main


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of a smoke test, made through the old spelling."""
    out = tmp_path_factory.mktemp("world")
    assert seglet_main(["world", "pretrain", "--smoke", "--out", str(out)]) == 0
    return out / "models"


@pytest.mark.slow
def test_all_models_come_with_a_card(models: Path):
    cards = [files.read_json(folder / "card.json") for folder in sorted(models.iterdir())]
    assert [card["name"] for card in cards] == [
        "captioner", "clip", "depth", "mit_b0-w50", "resnet18-w25", "resnet18-w50", "stable-diffusion"
    ]  # fmt: skip
    assert {card["made"]["command"] for card in cards} == {"python -m tools.pretrain --smoke"}
    assert sum(card["bytes"] for card in cards) < 24e6


@pytest.mark.slow
def test_transformers_and_diffusers_open_them(models: Path):
    import diffusers
    import transformers as hub

    def opened(kind: Any, name: str) -> Any:
        return kind.from_pretrained(models / name, local_files_only=True)

    assert opened(hub.CLIPModel, "clip").config.vision_config.patch_size == 8
    assert opened(hub.BlipForConditionalGeneration, "captioner").config.text_config.bos_token_id == 2
    assert opened(hub.DepthAnythingForDepthEstimation, "depth").config.patch_size == 8
    assert opened(diffusers.StableDiffusionPipeline, "stable-diffusion").unet.config.sample_size == 16


@pytest.mark.slow
def test_backbones_are_segmenters_to_start_from(models: Path):
    from seglet.models.segmenter import load

    assert load(models / "resnet18-w25").architecture.backbone == "resnet18"


@pytest.mark.slow
def test_the_same_command_finds_everything_made(models: Path):
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file()}
    assert main(["--smoke", "--out", str(models.parent), "--only", "clip", "depth"]) == 0
    assert before == {path: path.stat().st_mtime_ns for path in models.rglob("*") if path.is_file()}


def test_a_stage_that_lacks_another_is_an_error(tmp_path: Path):
    with pytest.raises(ValueError, match="leave out --only"):
        main(["--smoke", "--out", str(tmp_path), "--only", "stable-diffusion"])


def test_the_old_spelling_names_the_new_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert seglet_main(["world", "pretrain", "--smoke", "--out", str(tmp_path), "--only", "stable-diffusion"]) == 2
    assert "is now `python -m tools.pretrain`" in capsys.readouterr().err


def test_an_installed_package_says_where_the_program_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(world_pretrain, "_CLONE", tmp_path)
    assert seglet_main(["world", "pretrain", "--smoke"]) == 2
    assert "clone seglet's repository and run `python -m tools.pretrain`" in capsys.readouterr().err
