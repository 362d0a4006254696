"""Where the tiny models are made: a folder with scenes, unfinished trainings and finished models."""

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

CARD, PAGE = "card.json", "README.md"
SCENES: Mapping[int, int] = {64: 30_000, 128: 12_000}
"""How many scenes of each size the models see, at most; those of 128 pixels are the first of those of 64."""

Scores = dict[str, float]


@dataclass(frozen=True)
class Description:
    """What a card says that no measurement tells."""

    what: str
    layout: str
    saw: str
    scores: Mapping[str, str]
    """What each score means."""


@dataclass(frozen=True)
class Workshop:
    """`factor` multiplies all numbers of steps; a `smoke` test draws few scenes and scores on few."""

    out: Path
    factor: float = 1.0
    smoke: bool = False
    seed: int = 0

    def command(self) -> str:
        """How to make the same models again; where, and in how many parts, does not matter."""
        extra = " --smoke" if self.smoke else f" --steps-scale {self.factor:g}" if self.factor != 1 else ""
        return f"seglet world pretrain{extra}"

    def corpus(self, size: int) -> Corpus:
        """Scenes of this size, all drawn."""
        corpus = Corpus(self.out / "corpus", 40 if self.smoke else SCENES[size], size)
        with ProgressDisplay(f"scenes of {size} pixels", corpus.count, "scenes", active=not self.smoke) as bar:
            corpus.draw(bar.advance)
        return corpus

    def recipe(self, recipe: Recipe) -> Recipe:
        """The recipe for this workshop: fewer or more steps."""
        phases = tuple(replace(p, steps=max(1, round(p.steps * self.factor))) for p in recipe.phases)
        batch = 8 if self.smoke else recipe.batch
        return replace(recipe, phases=phases, batch=batch, seed=self.seed)

    @property
    def held_out(self) -> int:
        """Number of scenes of the split `test` that models are scored on."""
        return 16 if self.smoke else 400

    def training(self, name: str) -> Path:
        return self.out / "training" / name

    def model(self, name: str) -> Path:
        return self.out / "models" / name

    def train(self, name: str, objective: Objective) -> None:
        """Trains to the end of the objective's recipe, or finds that this was done."""
        loop.train(objective, self.training(name), name)

    def restore(self, name: str, objective: Objective) -> None:
        """Gives an objective the state its finished training left.

        Raises:
            ValueError: it is not finished.
        """
        if not loop.finished(self.training(name), objective.recipe):
            raise ValueError(f"the training of {name} in {self.training(name)} is not finished; leave out --only")
        _, state = load_newest_checkpoint(self.training(name))
        objective.load_state_dict(state["objective"])

    def is_made(self, name: str, recipe: Recipe) -> bool:
        """Whether the finished model is there, made by this recipe."""
        card = self.model(name) / CARD
        return card.is_file() and files.read_json(card)["made"]["recipe"] == json.loads(json.dumps(asdict(recipe)))

    def finish(
        self, name: str, recipe: Recipe, save: Callable[[Path], None], about: Description, scores: Scores
    ) -> None:
        """Writes the model with its card, all or nothing."""
        _, state = load_newest_checkpoint(self.training(name))
        with files.replace_atomically(self.model(name)) as temporary:
            temporary.mkdir()
            save(temporary)
            card = self._card(name, recipe, about, scores, state["seconds"], temporary)
            (temporary / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
            (temporary / PAGE).write_text(page(card), encoding="utf-8")

    def _card(
        self, name: str, recipe: Recipe, about: Description, scores: Scores, seconds: float, folder: Path
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
                "saw": about.saw,
            },
            "scores": {key: {"value": round(value, 4), "of": about.scores[key]} for key, value in scores.items()},
            "licence": "Apache-2.0",
        }


def page(card: Mapping[str, Any]) -> str:
    """The card as a page for people."""
    made = card["made"]
    steps = sum(phase["steps"] for phase in made["recipe"]["phases"])
    lines = [
        f"# {card['name']}",
        card["what"],
        f"Layout: {card['layout']}, {card['bytes'] / 1e6:.1f} MB in half precision. Licence: {card['licence']}.",
        f"Saw: {made['saw']}",
        f"Made by `{made['command']}` (seglet {made['seglet']}, commit {made['commit']}, torch {made['torch']}, seed "
        f"{made['recipe']['seed']}) on {made['day']}: {steps} steps of {made['recipe']['batch']}, "
        f"{made['core_minutes']} core-minutes.",
        "| score | |\n|---|---|\n" + "\n".join(f"| {s['of']} | {s['value']} |" for s in card["scores"].values()),
    ]
    return "\n\n".join(lines) + "\n"


@torch.no_grad()
def round_to_half(model: nn.Module) -> None:
    """Gives every number the value it will have when stored in half precision: scores are of what is shipped."""
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(tensor.half().float())
