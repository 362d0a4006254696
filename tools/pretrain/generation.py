"""Scores of generated images: a network trained on real scenes recognises what the prompt asked for."""

import torch

from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.plan import SHAPE_NAMES
from seglet.models.foundation.tiny.diffusion import generate_images
from tools.pretrain.backbones import QUESTIONS, BackboneObjective


@torch.inference_mode()
def scores(built: object, recogniser: BackboneObjective, smoke: bool = False) -> dict[str, float]:
    """Returns the share of images, of every shape on every background, whose shape and background are recognised."""
    repeats, steps = (1, 2) if smoke else (5, 25)
    shapes = SHAPE_NAMES[:2] if smoke else SHAPE_NAMES
    asked = [(shape, ground) for shape in shapes for ground in BACKGROUND_KINDS for _ in range(repeats)]
    right = {"generated_shape": 0.0, "generated_background": 0.0}
    for part in (asked[begin : begin + 50] for begin in range(0, len(asked), 50)):
        prompts = [f"a photo of {_article(shape)} {BACKGROUND_KINDS[ground].phrase}" for shape, ground in part]
        logits = recogniser(generate_images(built, prompts, steps))
        for name, question, place in (("generated_shape", "shape", 0), ("generated_background", "background", 1)):
            truth = torch.tensor([QUESTIONS[question].index(pair[place]) for pair in part])
            right[name] += float((logits[question].argmax(1) == truth).sum()) / len(asked)
    return right


def _article(shape: str) -> str:
    return f"{'an' if shape[0] in 'aeiou' else 'a'} {shape}"
