"""Scores of the tiny models on scenes of the split `test`, on which none of them was trained.

Axes: b images, k classes, n patches, c channels, h rows, w columns.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seglet.data.world.backgrounds import BACKGROUND_KINDS
from seglet.data.world.dataset import World
from seglet.data.world.plan import SHAPE_NAMES
from seglet.data.world.scene import WORLD_CLASSES, Scene
from seglet.evaluation.cam_curve import CamCurve
from seglet.models.foundation.tiny.captioner import TinyCaptioner
from seglet.models.foundation.tiny.clip import TinyCLIP
from seglet.models.foundation.tiny.depth import TinyDepth
from seglet.models.foundation.tiny.diffusion import TinyVAE
from tools.pretrain.texts import content

BATCH = 50
FINE = tuple(place / 200 for place in range(200))
"""Thresholds of the background; similarities with the background's subtracted need low ones."""


def held_out(count: int, size: int) -> list[Scene]:
    """Returns scenes on which no tiny model was trained."""
    world = World("test", scenes=count, size=size)
    return [world.scene(index) for index in range(count)]


def images(scenes: list[Scene]) -> Float[Tensor, "b 3 h w"]:
    return torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def clip_scores(model: TinyCLIP, scenes: list[Scene]) -> dict[str, float]:
    """Tags by whole images; masks by patches, plain and with the smoothing attention of the last layers taken out."""
    texts = model.read(model.encode([f"a photo of {_named(shape)}" for shape in SHAPE_NAMES]))[1]
    grounds = model.read(model.encode([ground.phrase for ground in BACKGROUND_KINDS.values()]))[1]
    whole, plain, sharp = [], CamCurve(WORLD_CLASSES, FINE), CamCurve(WORLD_CLASSES, FINE)
    for part in _parts(scenes):
        tokens = model.project(model.layer(images(part), TinyCLIP.depth))
        whole.append(tokens[:, 0] @ placed_texts(model).T)
        enhanced = model.project(without_mixing(model, images(part)))
        for scene, tags, seen, own in zip(part, _tags(part), tokens[:, 1:], enhanced[:, 1:], strict=True):
            labels = torch.from_numpy(scene.labels).long()
            plain.add(cam(seen @ texts.T, tags), labels)
            sharp.add(cam((own @ texts.T - (own @ grounds.T).mean(1, keepdim=True)).clamp(min=0), tags), labels)
    logits = torch.cat(whole) * model.scale()
    truth, single = _tags(scenes), torch.tensor([len(scene.plan.objects) == 1 for scene in scenes])
    right = truth[single].gather(1, logits[single].argmax(1, keepdim=True))
    return {
        "tag_map": mean_average_precision(logits.softmax(1), truth),
        "single_accuracy": float(right.float().mean()),
        "patch_text_miou": plain.best().miou,
        "patch_text_sharp_miou": sharp.best().miou,
    }


def placed_texts(model: TinyCLIP) -> Float[Tensor, "k c"]:
    """Returns each shape's mean text over the backgrounds, which every caption names."""
    prompts = [
        f"a photo of {_named(shape)} {ground.phrase}" for shape in SHAPE_NAMES for ground in BACKGROUND_KINDS.values()
    ]
    texts = model.read(model.encode(prompts))[1].reshape(len(SHAPE_NAMES), len(BACKGROUND_KINDS), -1)
    return F.normalize(texts.mean(1), dim=1)


def _named(shape: str) -> str:
    return f"{'an' if shape[0] in 'aeiou' else 'a'} {shape}"


def without_mixing(model: TinyCLIP, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n c"]:
    """Returns tokens whose last three layers add each token's own value to the mixture: identity attention."""
    tokens = model.layer(images, TinyCLIP.depth - 3)
    for layer in model.clip.vision_model.encoder.layers[TinyCLIP.depth - 3 :]:
        normed = layer.layer_norm1(tokens)
        mixed, own = layer.self_attn(normed, attention_mask=None)[0], layer.self_attn.v_proj(normed)
        itself = F.linear(own, layer.self_attn.out_proj.weight)
        itself[:, 0] = 0
        tokens = tokens + mixed + itself
        tokens = tokens + layer.mlp(layer.layer_norm2(tokens))
    return tokens


def cam(similarity: Float[Tensor, "n k"], tags: Bool[Tensor, " k"]) -> Float[Tensor, "k2 h w"]:
    """Returns maps of all classes, the background first, scaled to [0, 1] and enlarged; 0 for absent classes."""
    cells, size = TinyCLIP.side // TinyCLIP.patch, (TinyCLIP.side, TinyCLIP.side)
    low, high = similarity.amin(0), similarity.amax(0)
    maps = ((similarity - low) / (high - low).clamp(min=1e-6) * tags).T.reshape(1, -1, cells, cells)
    return F.pad(F.interpolate(maps, size, mode="bilinear", align_corners=False)[0], (0, 0, 0, 0, 1, 0))


def mean_average_precision(scores: Float[Tensor, "b k"], truth: Bool[Tensor, "b k"]) -> float:
    """Computes mean average precision over the classes that occur."""
    found = truth.gather(0, scores.argsort(0, descending=True)).float()
    precision = found.cumsum(0) / torch.arange(1, len(found) + 1)[:, None]
    present = truth.any(0)
    return float(((precision * found).sum(0) / found.sum(0).clamp(min=1))[present].mean())


@torch.inference_mode()
def vae_scores(model: TinyVAE, scenes: list[Scene]) -> dict[str, float]:
    """Returns the peak signal-to-noise ratio of reconstructed images."""
    error = [F.mse_loss(model.decode(model.encode(x)[0]), x) for x in (images(part) for part in _parts(scenes))]
    return {"psnr": float(-10 * torch.stack(error).mean().log10())}


@torch.inference_mode()
def depth_scores(model: TinyDepth, scenes: list[Scene]) -> dict[str, float]:
    """Returns the mean correlation of nearness with the truth within each image."""
    values: list[float] = []
    for part in _parts(scenes):
        for scene, near in zip(part, model(images(part)), strict=True):
            both = torch.stack([near.flatten(), 1 - torch.from_numpy(scene.depth).flatten()])
            values.append(float(torch.corrcoef(both)[0, 1].nan_to_num()))  # a flat answer tells nothing
    return {"correlation": float(np.mean(values))}


def captioner_scores(model: TinyCaptioner, scenes: list[Scene]) -> dict[str, float]:
    """Scores captions by the shapes and backgrounds they name."""
    said = [text for part in _parts(scenes) for text in model.caption(images(part), "a photo of")]
    pairs = [(set(content(text)), set(content(scene.caption))) for text, scene in zip(said, scenes, strict=True)]
    shapes = [(mine & set(SHAPE_NAMES), true & set(SHAPE_NAMES)) for mine, true in pairs]
    right = sum(len(mine & true) for mine, true in shapes)
    return {
        "same_classes": float(np.mean([mine == true for mine, true in shapes])),
        "precision": right / max(1, sum(len(mine) for mine, _ in shapes)),
        "recall": right / max(1, sum(len(true) for _, true in shapes)),
        "same_background": float(
            np.mean([mine & set(BACKGROUND_KINDS) == true & set(BACKGROUND_KINDS) for mine, true in pairs])
        ),
    }


def _parts(scenes: list[Scene]) -> list[list[Scene]]:
    return [scenes[begin : begin + BATCH] for begin in range(0, len(scenes), BATCH)]


def _tags(scenes: list[Scene]) -> Bool[Tensor, "b k"]:
    return torch.tensor([[label in scene.tags for label in range(1, len(WORLD_CLASSES))] for scene in scenes])
