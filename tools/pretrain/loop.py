"""Training loop of all tiny models, which resumes with identical results: a step depends only on its number."""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet import files
from seglet.engine.checkpoint import (
    checkpoint_name,
    checkpoint_steps,
    delete_old_checkpoints,
    load_newest_checkpoint,
    save_checkpoint,
)
from seglet.engine.console import ProgressDisplay

SECONDS_BETWEEN_CHECKPOINTS = 60.0
STEPS_BETWEEN_LINES = 20
KEPT = 2


@dataclass(frozen=True)
class Phase:
    """Steps with one learning-rate schedule: a warm-up, then a cosine down to `floor` of its peak."""

    steps: int
    peak: float
    warmup: int = 20
    floor: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a training with AdamW."""

    phases: tuple[Phase, ...]
    batch: int
    weight_decay: float = 0.05
    beta2: float = 0.98
    clip: float = 1.0
    bf16: bool = False
    seed: int = 0

    @property
    def steps(self) -> int:
        return sum(phase.steps for phase in self.phases)

    def place(self, step: int) -> tuple[int, int]:
        """Returns the phase a step belongs to, and its number within that."""
        for number, phase in enumerate(self.phases):
            if step < phase.steps:
                return number, step
            step -= phase.steps
        raise ValueError(f"there are {self.steps} steps, not {self.steps + step + 1}")

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step."""
        number, step = self.place(step)
        phase = self.phases[number]
        warm = min(1.0, (step + 1) / max(1, phase.warmup))
        wave = 0.5 * (1 + math.cos(math.pi * step / phase.steps))
        return phase.peak * warm * (phase.floor + (1 - phase.floor) * wave)


class Objective(nn.Module, ABC):
    """Module to train: all state is in parameters and buffers, all randomness from `rng` or the global generator."""

    recipe: Recipe

    @abstractmethod
    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """Returns named terms whose sum is minimised. `step` counts from 0."""

    def after_step(self, step: int) -> None:
        """Called after each step; moving averages are updated here."""


def train(objective: Objective, folder: Path, title: str) -> None:
    """Trains an objective, or continues an interrupted training from its last checkpoint.

    Raises:
        ValueError: `folder` holds a training with another recipe.
    """
    recipe = objective.recipe
    folder.mkdir(parents=True, exist_ok=True)
    files.delete_partial(folder)
    _claim(folder, recipe)
    optimiser = torch.optim.AdamW(
        [p for p in objective.parameters() if p.requires_grad],
        lr=recipe.rate(0),
        betas=(0.9, recipe.beta2),
        weight_decay=recipe.weight_decay,
    )
    begin, spent = _restore(folder, objective, optimiser)
    clock, saved = time.process_time() - spent, time.monotonic()
    log = Log(folder / "losses.jsonl", begin)
    with ProgressDisplay(title, recipe.steps) as bar:
        for step in range(begin, recipe.steps):
            terms = _step(objective, optimiser, recipe, step)
            bar.advance(step + 1, log.add(step, terms))
            now = time.monotonic()
            if now - saved >= SECONDS_BETWEEN_CHECKPOINTS or step + 1 == recipe.steps:
                log.flush()
                _save(folder, step + 1, objective, optimiser, time.process_time() - clock)
                saved = time.monotonic()


def finished(folder: Path, recipe: Recipe) -> bool:
    """Checks whether a training with this recipe is finished in a folder."""
    return checkpoint_steps(folder)[-1:] == [recipe.steps]


def _step(objective: Objective, optimiser: torch.optim.Optimizer, recipe: Recipe, step: int) -> dict[str, float]:
    """Takes one step, which depends on the state, the seed and its number alone."""
    mixed = (recipe.seed << 32) + step
    torch.manual_seed(mixed)
    for group in optimiser.param_groups:
        group["lr"] = recipe.rate(step)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
        terms = objective.losses(step, torch.Generator().manual_seed(mixed))
    total = torch.stack(list(terms.values())).sum()
    if not torch.isfinite(total):
        raise FloatingPointError(f"the loss of step {step} is {total.item()}")
    optimiser.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([p for p in objective.parameters() if p.grad is not None], recipe.clip)
    optimiser.step()
    objective.after_step(step)
    return {name: float(value.detach()) for name, value in terms.items()}


class Log:
    """Log of mean losses over a few steps, as lines of JSON; lines of repeated steps are dropped."""

    def __init__(self, file: Path, begin: int) -> None:
        self.file = file
        old = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        self.lines = [line for line in old if line.endswith("}") and json.loads(line)["step"] <= begin]
        self.sums: dict[str, float] = {}
        self.count = 0
        self.flush()

    def add(self, step: int, terms: Mapping[str, float]) -> str:
        """Counts a step; returns a note for the progress bar now and then."""
        self.count += 1
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if (step + 1) % STEPS_BETWEEN_LINES:
            return ""
        means = {name: value / self.count for name, value in self.sums.items()}
        self.lines.append(json.dumps({"step": step + 1, **{name: round(value, 5) for name, value in means.items()}}))
        self.sums, self.count = {}, 0
        return " ".join(f"{name} {value:.3f}" for name, value in means.items())

    def flush(self) -> None:
        files.write_text(self.file, "".join(f"{line}\n" for line in self.lines))


def _claim(folder: Path, recipe: Recipe) -> None:
    wanted, file = json.loads(json.dumps(asdict(recipe))), folder / "recipe.json"
    if not file.is_file():
        files.write_json(file, wanted)
    elif files.read_json(file) != wanted:
        raise ValueError(f"{folder} holds a training with another recipe; delete it or choose another --out")


def _save(folder: Path, step: int, objective: nn.Module, optimiser: torch.optim.Optimizer, seconds: float) -> None:
    state = {"objective": objective.state_dict(), "optimiser": optimiser.state_dict(), "seconds": seconds}
    save_checkpoint(folder / checkpoint_name(step), state)
    delete_old_checkpoints(folder, KEPT, step)


def _restore(folder: Path, objective: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[int, float]:
    """Restores a training and returns its steps and seconds of processor time so far."""
    if not checkpoint_steps(folder):
        return 0, 0.0
    step, state = load_newest_checkpoint(folder)
    objective.load_state_dict(state["objective"])
    _adopt(optimiser, state["optimiser"])
    return step, float(state["seconds"])


def _adopt(optimiser: torch.optim.Optimizer, state: Any) -> None:
    """Loads the optimiser's state without its hyperparameters, as JSON has no tuples."""
    groups = [{**new, "params": old["params"]} for new, old in zip(
        optimiser.state_dict()["param_groups"], state["param_groups"], strict=True
    )]  # fmt: skip
    optimiser.load_state_dict({"state": state["state"], "param_groups": groups})
