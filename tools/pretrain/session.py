"""Pretraining session: a folder with scenes, unfinished trainings and finished models."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seglet import files
from seglet._version import __version__
from seglet.engine.checkpoint import load_newest_checkpoint
from seglet.engine.console import ProgressDisplay
from seglet.engine.run import source_commit
from tools.pretrain import loop
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Recipe

_CARD_FILE, _PAGE_FILE = "card.json", "README.md"
SCENE_COUNTS: Mapping[int, int] = {64: 30_000, 128: 12_000}
"""Number of scenes of each size, at most; those of 128 pixels are the first of those of 64."""

Scores = dict[str, float]


@dataclass(frozen=True)
class ModelDescription:
    """Texts of a model's card that are not measured."""

    what: str
    layout: str
    training_data: str
    scores: Mapping[str, str]
    """Meaning of each score."""


@dataclass(frozen=True)
class PretrainingSession:
    """Settings and folders of a pretraining.

    Args:
        out: folder of everything.
        factor: factor on all numbers of steps.
        smoke: draws few scenes and scores on few, as a test.
        seed: seed of all trainings.
    """

    out: Path
    factor: float = 1.0
    smoke: bool = False
    seed: int = 0

    def command(self) -> str:
        """Returns the command that makes the same models again; folder and order do not matter."""
        extra = " --smoke" if self.smoke else f" --steps-scale {self.factor:g}" if self.factor != 1 else ""
        return f"python -m tools.pretrain{extra}"

    def corpus(self, size: int) -> Corpus:
        """Returns the scenes of this size, all drawn."""
        corpus = Corpus(self.out / "corpus", 40 if self.smoke else SCENE_COUNTS[size], size)
        with ProgressDisplay(f"scenes of {size} pixels", corpus.count, "scenes", active=not self.smoke) as bar:
            corpus.draw(bar.advance)
        return corpus

    def recipe(self, recipe: Recipe) -> Recipe:
        """Returns the recipe with this session's number of steps and seed."""
        phases = tuple(replace(p, steps=max(1, round(p.steps * self.factor))) for p in recipe.phases)
        batch = 8 if self.smoke else recipe.batch
        return replace(recipe, phases=phases, batch=batch, seed=self.seed)

    @property
    def models(self) -> Path:
        """Folder of the finished models."""
        return self.out / "models"

    @property
    def held_out(self) -> int:
        """Number of scenes of the split `test` that models are scored on."""
        return 16 if self.smoke else 400

    def training(self, name: str) -> Path:
        """Returns the folder of a training."""
        return self.out / "training" / name

    def model(self, name: str) -> Path:
        """Returns the folder of a finished model."""
        return self.models / name

    def train(self, name: str, objective: Objective) -> None:
        """Trains to the end of the objective's recipe, unless that was done before."""
        loop.train(objective, self.training(name), name)

    def restore(self, name: str, objective: Objective) -> None:
        """Restores the state that an objective's finished training left.

        Raises:
            ValueError: it is not finished.
        """
        if not loop.finished(self.training(name), objective.recipe):
            raise ValueError(f"the training of {name} in {self.training(name)} is not finished; leave out --only")
        _, state = load_newest_checkpoint(self.training(name))
        objective.load_state_dict(state["objective"])

    def is_made(self, name: str, recipe: Recipe) -> bool:
        """Checks whether the finished model exists, made by this recipe."""
        card = self.model(name) / _CARD_FILE
        return card.is_file() and files.read_json(card)["made"]["recipe"] == json.loads(json.dumps(asdict(recipe)))

    def finish(
        self, name: str, recipe: Recipe, save: Callable[[Path], None], about: ModelDescription, scores: Scores
    ) -> None:
        """Writes the model with its card, all or nothing."""
        _, state = load_newest_checkpoint(self.training(name))
        with files.replace_atomically(self.model(name)) as temporary:
            temporary.mkdir()
            save(temporary)
            card = self._card(name, recipe, about, scores, state["seconds"], temporary)
            (temporary / _CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
            (temporary / _PAGE_FILE).write_text(card_page(card), encoding="utf-8")

    def _card(
        self, name: str, recipe: Recipe, about: ModelDescription, scores: Scores, seconds: float, folder: Path
    ) -> dict[str, Any]:
        weights = sorted(folder.rglob("*.safetensors"))
        return {
            "name": name,
            "what": about.what,
            "layout": about.layout,
            "bytes": sum(path.stat().st_size for path in weights),
            "sha256": {str(path.relative_to(folder)): files.file_sha256(path) for path in weights},
            "made": {
                "command": self.command(),
                "seglet": __version__,
                "commit": source_commit(),
                "torch": torch.__version__,
                "day": time.strftime("%Y-%m-%d"),
                "core_minutes": round(seconds / 60, 1),
                "threads": torch.get_num_threads(),
                "recipe": asdict(recipe),
                "saw": about.training_data,
            },
            "scores": {key: {"value": round(value, 4), "of": about.scores[key]} for key, value in scores.items()},
            "licence": "Apache-2.0",
        }


def card_page(card: Mapping[str, Any]) -> str:
    """Returns the card as Markdown."""
    made = card["made"]
    steps = sum(phase["steps"] for phase in made["recipe"]["phases"])
    lines = [
        f"# {card['name']}",
        card["what"],
        f"Layout: {card['layout']}, {card['bytes'] / 1e6:.1f} MB in half precision. Licence: {card['licence']}.",
        f"Training data: {made['saw']}",
        f"Made by `{made['command']}` (seglet {made['seglet']}, commit {made['commit']}, torch {made['torch']}, seed "
        f"{made['recipe']['seed']}) on {made['day']}: {steps} steps of {made['recipe']['batch']}, "
        f"{made['core_minutes']} core-minutes.",
        "| score | |\n|---|---|\n" + "\n".join(f"| {s['of']} | {s['value']} |" for s in card["scores"].values()),
    ]
    return "\n\n".join(lines) + "\n"


@torch.no_grad()
def round_to_half(model: nn.Module) -> None:
    """Rounds every number to half precision, as it will be stored: scores are of what is shipped."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(tensor.half().float())
