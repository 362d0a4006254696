"""Stages of the pretraining, one function for each model, in their order."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from seglet.engine.console import ProgressDisplay
from seglet.models.foundation.tiny.diffusion import build_pipeline, save_pipeline
from tools.pretrain import backbones, captioner, clip, depth, generation, unet, vae
from tools.pretrain.descriptions import DESCRIPTIONS
from tools.pretrain.loop import Objective
from tools.pretrain.scores import captioner_scores, clip_scores, depth_scores, held_out, vae_scores
from tools.pretrain.session import PretrainingSession, round_to_half

Stage = Callable[[PretrainingSession], None]
Trained = TypeVar("Trained", bound=Objective)


def make_clip(session: PretrainingSession) -> None:
    recipe = session.recipe(clip.RECIPE)
    if session.is_made("clip", recipe):
        return
    objective = clip.CLIPObjective(recipe, session.corpus(64), session.corpus(128))
    session.train("clip", objective)
    round_to_half(objective.model)
    scores = clip_scores(objective.model, held_out(session.held_out, 128))
    session.finish("clip", recipe, objective.model.save, DESCRIPTIONS["clip"], scores)


def make_vae(session: PretrainingSession) -> None:
    """Trains the VAE, which is stored with the UNet."""
    session.train("vae", vae.VAEObjective(session.recipe(vae.RECIPE), session.corpus(64), session.corpus(128)))


def make_depth(session: PretrainingSession) -> None:
    recipe = session.recipe(depth.RECIPE)
    if session.is_made("depth", recipe):
        return
    objective = depth.DepthObjective(recipe, session.corpus(64))
    session.train("depth", objective)
    round_to_half(objective.model)
    scores = depth_scores(objective.model, held_out(session.held_out, 64))
    session.finish("depth", recipe, objective.model.save, DESCRIPTIONS["depth"], scores)


def make_captioner(session: PretrainingSession) -> None:
    recipe = session.recipe(captioner.RECIPE)
    if session.is_made("captioner", recipe):
        return
    objective = captioner.CaptionerObjective(recipe, session.corpus(64))
    session.train("captioner", objective)
    round_to_half(objective.model)
    scores = captioner_scores(objective.model, held_out(session.held_out, 64))
    session.finish("captioner", recipe, objective.model.save, DESCRIPTIONS["captioner"], scores)


def make_backbones(session: PretrainingSession) -> None:
    for name in backbones.SIZES:
        recipe = session.recipe(backbones.recipe(name))
        if session.is_made(name, recipe):
            continue
        objective = backbones.BackboneObjective(recipe, session.corpus(64), *backbones.SIZES[name])
        session.train(name, objective)
        objective.eval()
        round_to_half(objective)
        scores = backbones.scores(objective, held_out(session.held_out, 64))
        session.finish(name, recipe, objective.save, DESCRIPTIONS[name], scores)


def make_stable_diffusion(session: PretrainingSession) -> None:
    """Trains Stable Diffusion's UNet on top of the finished CLIP, VAE and backbones."""
    recipe = session.recipe(unet.RECIPE)
    if session.is_made("stable-diffusion", recipe):
        return
    corpus = session.corpus(64)
    text = finished(session, "clip", clip.CLIPObjective(session.recipe(clip.RECIPE), corpus, corpus)).model
    images = finished(session, "vae", vae.VAEObjective(session.recipe(vae.RECIPE), corpus, corpus)).model
    recogniser = backbones.BackboneObjective(
        session.recipe(backbones.recipe(RECOGNISER)), corpus, *backbones.SIZES[RECOGNISER]
    )
    finished(session, RECOGNISER, recogniser)
    with ProgressDisplay("latents", corpus.count, "scenes", active=not session.smoke) as bar:
        parts = unet.encode_corpus(images, corpus, session.training("latents"), bar.advance)
    latents = np.concatenate([np.load(part) for part in parts]).astype(np.float32)
    images.scale_by(float(1 / latents.std()))
    objective = unet.UNetObjective(recipe, corpus, latents / latents.std(), text)
    session.train("stable-diffusion", objective)
    round_to_half(objective.average)
    built = build_pipeline(images, objective.average, text)
    scores = vae_scores(images, held_out(session.held_out, 64)) | generation.scores(built, recogniser, session.smoke)
    about = DESCRIPTIONS["stable-diffusion"]
    session.finish("stable-diffusion", recipe, lambda folder: save_pipeline(built, folder), about, scores)


def finished(session: PretrainingSession, name: str, objective: Trained) -> Trained:
    """Returns the objective as its finished training left it and its model was stored."""
    session.restore(name, objective)
    round_to_half(objective)
    return objective.eval()


RECOGNISER = "resnet18-w50"
"""Backbone that recognises the content of generated images."""

STAGES: Mapping[str, Stage] = {
    "clip": make_clip,
    "vae": make_vae,
    "depth": make_depth,
    "captioner": make_captioner,
    "backbones": make_backbones,
    "stable-diffusion": make_stable_diffusion,
}
