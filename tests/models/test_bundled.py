"""Tiny models that come with seglet."""

import json
from pathlib import Path

import pytest
import torch

from seglet.models.foundation.known_models import KNOWN_MODELS
from seglet.models.io.locate import BUNDLED_FOLDER, BUNDLED_MODELS, bundled_model
from seglet.models.segmenter import load

MOST = 24_000_000
CARDS = sorted(BUNDLED_FOLDER.glob("*/card.json"))


def test_a_name_that_is_not_shipped_has_no_folder() -> None:
    assert bundled_model("clip-b16") is None
    assert bundled_model("clip") is None


def test_every_known_model_without_an_id_is_shipped() -> None:
    assert {entry.name for entry in KNOWN_MODELS if not entry.homes} <= BUNDLED_MODELS.keys()


def test_all_weights_together_are_small_enough_for_a_package() -> None:
    files = [path for path in BUNDLED_FOLDER.rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= MOST
    assert {path.name for path in BUNDLED_FOLDER.iterdir()} == set(BUNDLED_MODELS.values())


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_a_card_says_how_the_model_was_made_and_what_it_scores(card: Path) -> None:
    told = json.loads(card.read_text(encoding="utf-8"))
    assert told["made"]["command"].startswith("seglet world pretrain")
    assert all(told["made"][key] for key in ("commit", "core_minutes", "saw", "recipe", "torch"))
    assert told["scores"]
    assert (card.parent / "README.md").is_file()


@pytest.mark.parametrize("name", [name for name in BUNDLED_MODELS if "-w" in name])
def test_a_backbone_that_comes_with_seglet_is_a_segmenter_in_single_precision(name: str) -> None:
    segmenter = load(name)
    assert segmenter.architecture.backbone == BUNDLED_MODELS[name].split("-")[0]
    assert {p.dtype for p in segmenter.network.parameters()} == {torch.float32}
