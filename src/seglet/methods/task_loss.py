"""The loss against labels of every method: a weighted sum of terms, and the weights of the classes in them.

Axes: b images, k classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.losses.rare_classes import median_frequency_weights
from seglet.methods.task_terms import TASK_TERMS, HardPixels, Images, TaskTerm
from seglet.types import Classes, Target, option
from seglet.values import choose_from, read_term

MEDIAN = "median"
"""Choice of `class_weights` that counts pixels of the training masks."""


@dataclass(frozen=True)
class TaskLossConfig:
    """Keys of the loss against labels."""

    task: tuple[str, ...] = option(
        ("ce",),
        "losses against labels, each a name and options such as dice weight=0.5; of ce, ohem, focal, dice, tversky, "
        "lovasz, boundary, balanced, image, box, affinity, crf; docs/configuration.md",
    )
    class_weights: tuple[str, ...] = option(
        (),
        "weights of the classes in ce, ohem and focal: a number for each, some as NAME=3 and 1 for others, or median: "
        "the median frequency over that of the class in the training masks; none given: all alike",
    )

    def __post_init__(self) -> None:
        terms = parse_task(self.task_terms)
        if self.class_weights and not any(term.takes_class_weights for term in terms.values()):
            raise ValueError("class_weights: no term of `task` has them; add ce, ohem or focal, or leave them out")
        if self.class_weights != (MEDIAN,):
            for text in self.class_weights:
                _number(text)

    @property
    def task_terms(self) -> tuple[str, ...]:
        """The losses as they are listed; a method whose default depends on other keys resolves it here."""
        return self.task

    @property
    def counts_classes(self) -> bool:
        """True if the training masks decide the class weights."""
        return self.class_weights == (MEDIAN,)


def parse_task(task: Sequence[str]) -> dict[str, TaskTerm]:
    """Reads the terms of a loss by their names.

    Raises:
        ValueError: no term, one that does not exist or that is there twice, or an option out of range.
    """
    if not task:
        raise ValueError(f"task: expected at least one of {', '.join(TASK_TERMS)}")
    terms: dict[str, TaskTerm] = {}
    for text in task:
        name, term = read_term(text, TASK_TERMS, "task")
        if name in terms:
            raise ValueError(f"task: {name!r} is listed twice; keep one")
        terms[name] = term
    return terms


class TaskLoss(nn.Module):
    """The sum of the terms, each with its weight; has no parameters and no state in checkpoints."""

    class_weights: Tensor | None

    def __init__(self, config: TaskLossConfig, classes: Classes, hard_pixels: int = 0) -> None:
        """Reads the terms of a config.

        `hard_pixels` is the key of that name of semi-supervised methods: with the cross-entropy alone, the least number
        of hard pixels.

        Raises:
            ValueError: class weights do not fit the classes, or `hard_pixels` stands beside other terms.
        """
        super().__init__()
        self.terms = parse_task(config.task_terms)
        if hard_pixels and config.task != ("ce",):
            raise ValueError(
                f"hard_pixels: expected 0 beside the terms of `task`, got {hard_pixels}; write the term ohem "
                f"share=0 least={hard_pixels} instead"
            )
        if hard_pixels:
            self.terms = {"ce": HardPixels(share=0, least=hard_pixels)}
        self.counts_classes = config.counts_classes
        given = None if self.counts_classes else class_weight_numbers(config.class_weights, classes)
        self.register_buffer("class_weights", given, persistent=False)

    def learn_frequencies(self, pixels: Float[Tensor, " k"], shown: Float[Tensor, " k"]) -> None:
        """Takes the counts of the training masks, see `median_frequency_weights`; the config must ask for them."""
        self.class_weights = median_frequency_weights(pixels, shown).float()

    def forward(self, logits: Float[Tensor, "b k _ _"], target: Target, images: Images = None) -> Float[Tensor, ""]:
        """Computes the weighted sum of the terms; 0, with a gradient of 0, where no pixel is annotated."""
        return self.parts("", logits, target, images)[""]

    def parts(
        self, name: str, logits: Float[Tensor, "b k _ _"], target: Target, images: Images = None
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes the sum under `name` and, if there are several terms, each without its weight under `name/TERM`.

        `images` are those of the target, for the terms that compare colours.

        Raises:
            ValueError: the class weights depend on the training masks, which nobody counted.
        """
        if self.counts_classes and self.class_weights is None:
            raise ValueError("class_weights: the training masks are not counted yet; give numbers instead")
        parts = {kind: term.loss_on(logits, target, self.class_weights, images) for kind, term in self.terms.items()}
        weighted = [value if self.terms[kind].weight == 1 else self.terms[kind].weight * value
                    for kind, value in parts.items()]  # fmt: skip
        total = weighted[0] if len(weighted) == 1 else torch.stack(weighted).sum()
        return {name: total, **({f"{name}/{kind}": value for kind, value in parts.items()} if len(parts) > 1 else {})}


def class_weight_numbers(given: Sequence[str], classes: Classes) -> Float[Tensor, " k"] | None:
    """Reads class weights: a number for each class, or some as NAME=NUMBER; None without any.

    Raises:
        ValueError: another number of them, a class that does not exist, a weight below 0, or none above it.
    """
    if not given:
        return None
    named = [text for text in given if "=" in text]
    if not named and len(given) != len(classes):
        raise ValueError(
            f"class_weights: expected {len(classes)} numbers, one for each of {', '.join(classes.names)}, got "
            f"{len(given)}; or give some as NAME=NUMBER"
        )
    if named and len(named) < len(given):
        raise ValueError("class_weights: expected numbers alone or NAME=NUMBER alone, got both")
    weights = dict.fromkeys(classes.names, 1.0)
    for place, text in enumerate(given):
        name = text.rpartition("=")[0].strip() or classes.names[place]
        if name not in weights:
            raise ValueError(f"class_weights: there is no class {name!r}; {choose_from(name, classes.names)}")
        weights[name] = _number(text)
    if not any(weights.values()):
        raise ValueError("class_weights: expected at least one above 0")
    return torch.tensor(list(weights.values()))


def _number(text: str) -> float:
    written = text.rpartition("=")[2]
    try:
        number = float(written)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError(f"class_weights: expected {MEDIAN}, or numbers of 0 or more, got {text!r}")
    return number
