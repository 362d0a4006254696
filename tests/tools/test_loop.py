"""The loop that trains the tiny models."""

from pathlib import Path

import pytest
import torch
from tools.pretrain import loop
from tools.pretrain.loop import Objective, Phase, Recipe, train
from torch import nn

from seglet import files
from seglet.engine.checkpoint import checkpoint_steps

RECIPE = Recipe((Phase(4, 1e-2, 2), Phase(3, 1e-3)), batch=2)


class Noise(Objective):
    """Follows random targets; falls over at a step, as if the process were killed."""

    def __init__(self, ends_at: int = -1) -> None:
        super().__init__()
        self.recipe, self.ends_at = RECIPE, ends_at
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("seen", torch.zeros(()))

    def losses(self, step: int, rng: torch.Generator) -> dict[str, torch.Tensor]:
        if step == self.ends_at:
            raise KeyboardInterrupt
        return {"miss": ((self.weight - torch.randn(3, generator=rng)) ** 2).sum()}

    def after_step(self, step: int) -> None:
        self.seen += step


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    whole, first, rest = Noise(), Noise(ends_at=5), Noise()
    train(whole, tmp_path / "whole", "whole")
    with pytest.raises(KeyboardInterrupt):
        train(first, tmp_path / "parts", "parts")
    train(rest, tmp_path / "parts", "parts")
    assert torch.equal(rest.weight, whole.weight)
    assert rest.seen == whole.seen == 21


def test_a_finished_training_is_only_read(tmp_path: Path):
    done, again = Noise(), Noise(ends_at=0)
    train(done, tmp_path, "done")
    train(again, tmp_path, "done")
    assert loop.finished(tmp_path, RECIPE)
    assert torch.equal(again.weight, done.weight)


def test_another_recipe_is_refused(tmp_path: Path):
    train(Noise(), tmp_path, "one")
    other = Noise()
    other.recipe = Recipe((Phase(9, 1e-2),), batch=2)
    with pytest.raises(ValueError, match="another recipe; delete it or choose another --out"):
        train(other, tmp_path, "other")


def test_two_checkpoints_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0)
    train(Noise(), tmp_path, "kept")
    assert checkpoint_steps(tmp_path) == [6, 7]


def test_losses_are_logged_as_means_and_steps_taken_again_only_once(tmp_path: Path):
    log = loop.Log(tmp_path / "log", 0)
    notes = [log.add(step, {"a": float(step)}) for step in range(40)]
    log.flush()
    assert notes[19] == "a 9.500"
    assert [line.split(",")[0] for line in loop.Log(tmp_path / "log", 20).lines] == ['{"step": 20']


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path):
    broken = Noise()
    broken.weight.data.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="step 0"):
        train(broken, tmp_path, "broken")


def test_rates_are_warmed_up_and_fall_in_each_phase():
    assert [round(RECIPE.rate(step), 6) for step in range(5)] == [0.005, 0.008536, 0.005, 0.001464, 5e-5]
    assert RECIPE.place(4) == (1, 0)


def test_the_recipe_is_written_beside_the_checkpoints(tmp_path: Path):
    train(Noise(), tmp_path, "one")
    assert files.read_json(tmp_path / "recipe.json")["phases"][0]["steps"] == 4
