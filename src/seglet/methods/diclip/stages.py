"""Stages of DiCLIP's maps, and attention before and after it is refined and put into CLIP.

Axes: b images, a heads, n patches, t = n + 1 tokens, k classes, f foreground classes.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.methods.diclip.config import Config
from seglet.methods.diclip.tsa import dynamic_cam, static_cam
from seglet.methods.diclip.vce import apply_acr
from seglet.models.foundation.attention import attention_outputs, changed_attention
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.attention_fusion import fuse_attention


def map_stages(
    config: Config,
    plain: Float[Tensor, "b f n"],
    cam: Float[Tensor, "b f n"],
    retrieved: Float[Tensor, "b n k"] | None,
    learned: tuple[Float[Tensor, "b n k"], Float[Tensor, "b f"]] | None,
) -> dict[str, Float[Tensor, "b f n"]]:
    """Returns the maps of each row of Table IV that the config has and that there is input for, in its order.

    Args:
        plain: maps of unchanged CLIP.
        cam: maps of CLIP with other attention in it.
        retrieved: scores of the cache, if there is one.
        learned: scores of the adapter and the tags, if it has been trained.
    """
    stages = {"CLIP": plain}
    if config.attention != "none":
        stages["+ attention"] = cam
    if retrieved is not None:
        stages["+ positive cache"] = static_cam(replace(config, cache_negative=False), cam, retrieved)
        if config.cache_negative:
            stages["+ negative cache"] = static_cam(config, cam, retrieved)
    if learned is not None:
        stages["adapter"] = dynamic_cam(config, cam, *learned)
    return stages


@torch.no_grad()
def attention_stages(
    config: Config, tower: ImageTower, images: Float[Tensor, "b 3 y x"], raw: Float[Tensor, "b n n"] | None
) -> dict[str, Float[Tensor, "b n n"]]:
    """Returns attention among patches: `raw` and refined, CLIP's own, and the fused one that CLIP then uses.

    The last two are means over the heads of the changed layers. Without `raw` there is only CLIP's own.
    """
    own = _used_attention(config, tower, images, None)
    if raw is None:
        return {"CLIP's own": own}
    refined = apply_acr(config, raw)
    fused = _used_attention(config, tower, images, refined)
    return {config.attention: raw, "refined": refined, "CLIP's own": own, "fused": fused}


def _used_attention(
    config: Config, tower: ImageTower, images: Float[Tensor, "b 3 y x"], other: Float[Tensor, "b n n"] | None
) -> Float[Tensor, "b n n"]:
    used: list[Tensor] = []

    def change(own: Float[Tensor, "b a t t"]) -> Float[Tensor, "b a t t"]:
        fused = own if other is None else fuse_attention(own, other, config.fusion, config.fusion_weight)
        used.append(fused.mean(dim=1)[:, 1:, 1:].float())
        return fused

    hooked = attention_outputs if config.vce_path == "attention" else changed_attention
    with hooked(tower.attentions[-config.fused_layers :], change, config.clip_pairs):
        tower(images)
    return torch.stack(used).mean(dim=0)
