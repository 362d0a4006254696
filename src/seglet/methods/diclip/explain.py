"""The rungs that DiCLIP's maps climb, and attention before and after it is refined and put into CLIP.

Axes: b images, a heads, n patches, t = n + 1 tokens, c classes with the background first, k without.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.methods.diclip.config import Config
from seglet.methods.diclip.tsa import dynamic_cam, static_cam
from seglet.methods.diclip.vce import refined
from seglet.models.foundation.attention import changed_attention
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.attention_fusion import fused_attention


def rungs(
    config: Config,
    plain: Float[Tensor, "b k n"],
    cam: Float[Tensor, "b k n"],
    looked_up: Float[Tensor, "b n c"] | None,
    learned: tuple[Float[Tensor, "b n c"], Float[Tensor, "b k"]] | None,
) -> dict[str, Float[Tensor, "b k n"]]:
    """Maps in the order of Table IV, as far as the config goes and something was made for it.

    Args:
        plain: maps of words with CLIP as it is.
        cam: with attention lent to it.
        learned: what the adapter says of the patches, and the tags.
    """
    found = {"CLIP": plain}
    if config.attention != "none":
        found["+ attention"] = cam
    if looked_up is not None:
        found["+ positive memory"] = static_cam(replace(config, cache_negative=False), cam, looked_up)
        if config.cache_negative:
            found["+ negative memory"] = static_cam(config, cam, looked_up)
    if learned is not None:
        found["adapter"] = dynamic_cam(config, cam, *learned)
    return found


@torch.no_grad()
def attentions(
    config: Config, tower: ImageTower, images: Float[Tensor, "b 3 y x"], raw: Float[Tensor, "b n n"] | None
) -> dict[str, Float[Tensor, "b n n"]]:
    """Among patches: what is lent, raw and refined; CLIP's own; and what CLIP then weighs by.

    The last two are means over the heads of the layers that are changed.
    """
    own = _used(config, tower, images, None)
    if raw is None:
        return {"CLIP's own": own}
    better = refined(config, raw)
    return {config.attention: raw, "refined": better, "CLIP's own": own, "fused": _used(config, tower, images, better)}


def _used(
    config: Config, tower: ImageTower, images: Float[Tensor, "b 3 y x"], lent: Float[Tensor, "b n n"] | None
) -> Float[Tensor, "b n n"]:
    used: list[Tensor] = []

    def change(own: Float[Tensor, "b a t t"]) -> Float[Tensor, "b a t t"]:
        fused = own if lent is None else fused_attention(own, lent, config.fusion, config.fusion_weight)
        used.append(fused.mean(dim=1)[:, 1:, 1:].float())
        return fused

    with changed_attention(tower.attentions[-config.fused_layers :], change):
        tower(images)
    return torch.stack(used).mean(dim=0)
