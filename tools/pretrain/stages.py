"""The tiny models, one function each, in the order they are made."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from seglet.engine.console import ProgressDisplay
from seglet.models.foundation.tiny.diffusion import build_pipeline, save_pipeline
from tools.pretrain import backbones, captioner, clip, depth, generation, unet, vae
from tools.pretrain.descriptions import DESCRIPTIONS
from tools.pretrain.loop import Objective
from tools.pretrain.scores import captioner_scores, clip_scores, depth_scores, held_out, vae_scores
from tools.pretrain.workshop import Workshop, round_to_half

Stage = Callable[[Workshop], None]
Trained = TypeVar("Trained", bound=Objective)


def make_clip(shop: Workshop) -> None:
    recipe = shop.recipe(clip.RECIPE)
    if shop.is_made("clip", recipe):
        return
    objective = clip.CLIPObjective(recipe, shop.corpus(64), shop.corpus(128))
    shop.train("clip", objective)
    round_to_half(objective.model)
    scores = clip_scores(objective.model, held_out(shop.held_out, 128))
    shop.finish("clip", recipe, objective.model.save, DESCRIPTIONS["clip"], scores)


def make_vae(shop: Workshop) -> None:
    """Trained here, stored with the UNet."""
    shop.train("vae", vae.VAEObjective(shop.recipe(vae.RECIPE), shop.corpus(64), shop.corpus(128)))


def make_depth(shop: Workshop) -> None:
    recipe = shop.recipe(depth.RECIPE)
    if shop.is_made("depth", recipe):
        return
    objective = depth.DepthObjective(recipe, shop.corpus(64))
    shop.train("depth", objective)
    round_to_half(objective.model)
    scores = depth_scores(objective.model, held_out(shop.held_out, 64))
    shop.finish("depth", recipe, objective.model.save, DESCRIPTIONS["depth"], scores)


def make_captioner(shop: Workshop) -> None:
    recipe = shop.recipe(captioner.RECIPE)
    if shop.is_made("captioner", recipe):
        return
    objective = captioner.CaptionerObjective(recipe, shop.corpus(64))
    shop.train("captioner", objective)
    round_to_half(objective.model)
    scores = captioner_scores(objective.model, held_out(shop.held_out, 64))
    shop.finish("captioner", recipe, objective.model.save, DESCRIPTIONS["captioner"], scores)


def make_backbones(shop: Workshop) -> None:
    for name in backbones.SIZES:
        recipe = shop.recipe(backbones.recipe(name))
        if shop.is_made(name, recipe):
            continue
        objective = backbones.BackboneObjective(recipe, shop.corpus(64), *backbones.SIZES[name])
        shop.train(name, objective)
        objective.eval()
        round_to_half(objective)
        scores = backbones.scores(objective, held_out(shop.held_out, 64))
        shop.finish(name, recipe, objective.save, DESCRIPTIONS[name], scores)


def make_stable_diffusion(shop: Workshop) -> None:
    """Takes up what the stages of CLIP, the VAE and the backbones left."""
    recipe = shop.recipe(unet.RECIPE)
    if shop.is_made("stable-diffusion", recipe):
        return
    corpus = shop.corpus(64)
    text = finished(shop, "clip", clip.CLIPObjective(shop.recipe(clip.RECIPE), corpus, corpus)).model
    images = finished(shop, "vae", vae.VAEObjective(shop.recipe(vae.RECIPE), corpus, corpus)).model
    judge = backbones.BackboneObjective(shop.recipe(backbones.recipe(JUDGE)), corpus, *backbones.SIZES[JUDGE])
    finished(shop, JUDGE, judge)
    with ProgressDisplay("latents", corpus.count, "scenes", active=not shop.smoke) as bar:
        parts = unet.encode_corpus(images, corpus, shop.training("latents"), bar.advance)
    latents = np.concatenate([np.load(part) for part in parts]).astype(np.float32)
    images.scale_by(float(1 / latents.std()))
    objective = unet.UNetObjective(recipe, corpus, latents / latents.std(), text)
    shop.train("stable-diffusion", objective)
    round_to_half(objective.average)
    built = build_pipeline(images, objective.average, text)
    scores = vae_scores(images, held_out(shop.held_out, 64)) | generation.scores(built, judge, shop.smoke)
    about = DESCRIPTIONS["stable-diffusion"]
    shop.finish("stable-diffusion", recipe, lambda folder: save_pipeline(built, folder), about, scores)


def finished(shop: Workshop, name: str, objective: Trained) -> Trained:
    """The objective as its finished training left it and its model was stored."""
    shop.restore(name, objective)
    round_to_half(objective)
    return objective.eval()


JUDGE = "resnet18-w50"
"""The backbone that says what generated images show."""

STAGES: Mapping[str, Stage] = {
    "clip": make_clip,
    "vae": make_vae,
    "depth": make_depth,
    "captioner": make_captioner,
    "backbones": make_backbones,
    "stable-diffusion": make_stable_diffusion,
}
