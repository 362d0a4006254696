"""Pretraining of backbones by classification of scenes with one object, as ImageNet's networks are.

Axes: b images, c channels, k answers.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.data.world.appearance import OBJECT_HUES, OBJECT_TEXTURES
from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import SHAPE_NAMES, ScenePlan
from seglet.data.world.scene import WORLD_CLASSES, Scene
from seglet.models.io import storage
from seglet.models.segmenter import Architecture, Segmenter, build
from tools.pretrain.corpus import Corpus
from tools.pretrain.loop import Objective, Phase, Recipe
from tools.pretrain.scores import images

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "shape": SHAPE_NAMES,
    "hue": tuple(OBJECT_HUES),
    "texture": tuple(OBJECT_TEXTURES),
    "background": tuple(BACKGROUND_KINDS),
}
"""Attributes that are predicted of an image with one object, and their values."""

SIZES: Mapping[str, tuple[str, float]] = {
    "resnet18-w25": ("resnet18", 0.25),
    "resnet18-w50": ("resnet18", 0.5),
    "mit_b0-w50": ("mit_b0", 0.5),
}
"""Backbone and width by name."""

STEPS: Mapping[str, int] = {"resnet18-w25": 1000, "resnet18-w50": 1000, "mit_b0-w50": 3000}
"""Numbers of steps. A transformer needs more, as it has to learn that neighbours belong together."""


def recipe(name: str) -> Recipe:
    """Returns the recipe of a backbone."""
    return Recipe((Phase(STEPS[name], 2e-3, 100, 0.02),), 48, bf16=True)


class BackboneObjective(Objective):
    """Cross-entropy of four attributes, predicted from the mean of the deepest stage; only the backbone is kept."""

    def __init__(self, recipe: Recipe, small: Corpus, backbone: str, width: float) -> None:
        super().__init__()
        torch.manual_seed(recipe.seed)
        self.recipe, self.small = recipe, small
        architecture = Architecture(f"cam-{backbone}", width, drop_path=0.0, auxiliary=False)
        self.segmenter: Segmenter = build(architecture, WORLD_CLASSES, recipe.seed)
        inside = self.segmenter.network.backbone.channels[3]
        self.answers = nn.ModuleDict({name: nn.Linear(inside, len(known)) for name, known in QUESTIONS.items()})

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> dict[str, Float[Tensor, "b k"]]:
        """Returns the logits of each attribute."""
        pooled = self.segmenter.network.backbone(images)[-1].float().mean((2, 3))
        return {name: layer(pooled) for name, layer in self.answers.items()}

    def save(self, folder: Path) -> None:
        """Saves the backbone as a segmenter in half precision whose head starts from chance."""
        weights = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in self.segmenter.network.state_dict().items()
        }
        storage.write_segmenter(folder, weights, self.segmenter.architecture, WORLD_CLASSES)

    def losses(self, step: int, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        single = self.small.single
        places = single[torch.randint(len(single), (self.recipe.batch,), generator=rng)]
        truth = [answers(self.small.plans[place]) for place in places.tolist()]
        logits = self(self.small.images(places))
        return {name: F.cross_entropy(logits[name].float(), _column(truth, name)) for name in QUESTIONS}


def answers(plan: ScenePlan) -> dict[str, int]:
    """Returns the attributes of a scene's foremost object."""
    thing = plan.objects[-1]
    told = {
        "shape": thing.shape,
        "hue": thing.appearance.hue,
        "texture": thing.appearance.texture,
        "background": plan.background,
    }
    return {name: QUESTIONS[name].index(answer) for name, answer in told.items()}


def _column(truth: list[dict[str, int]], name: str) -> Integer[Tensor, " b"]:
    return torch.tensor([row[name] for row in truth])


@torch.inference_mode()
def scores(objective: BackboneObjective, scenes: list[Scene]) -> dict[str, float]:
    """Returns the share of right answers on scenes with one object."""
    single = [scene for scene in scenes if len(scene.plan.objects) == 1]
    logits = objective(images(single))
    truth = [answers(scene.plan) for scene in single]
    return {name: float((logits[name].argmax(1) == _column(truth, name)).float().mean()) for name in QUESTIONS}
