"""What DiCLIP's maps lose where attention comes from a column: on scenes of the embedded world, by the tiny models."""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks._harness import Result
from seglet.data.world.dataset import World
from seglet.data.world.scene import WORLD_CLASSES
from seglet.evaluation.cam_curve import CamCurve
from seglet.labels.attention.low_rank import low_rank_attention
from seglet.labels.cam.background import add_absence_background
from seglet.methods.diclip import Config, Method
from seglet.methods.diclip.labels import as_grid
from seglet.types import tag_vector, without_background

SCENES, SIDE, TOGETHER, RANKS, CHOSEN, MOST_LOST = 160, 128, 8, (4, 8, 16, 32, 64), 16, 0.005


@dataclass(frozen=True)
class MapsResult(Result):
    """`ours` and `rival` are bytes of an image's attention, of the chosen rank and raw in half precision.

    `equal` if the maps' mIoU at their best threshold is within 0.005 of the raw one's; `miou` has it for each rank, and
    for 0, raw.
    """

    miou: dict[int, float]


def run() -> MapsResult:
    config = Config(
        clip_model="tiny-clip", prompts="world", diffusion=("tiny-sd",), diffusion_layers=("up_blocks.1",),
        cache_from="none", adapter=False, vce_path="block", acr_update="replace", acr_threshold_scaled=False,
    )  # fmt: skip
    method = Method.build(config, WORLD_CLASSES, seed=0).eval()
    curves = {rank: CamCurve(WORLD_CLASSES) for rank in (0, *RANKS)}
    for first in range(0, SCENES, TOGETHER):
        patches = add(method, first, curves)
    found = {rank: curve.best().miou for rank, curve in curves.items()}
    size, raw = 4 * patches * CHOSEN, 2 * patches**2
    return MapsResult(
        name="column-maps",
        ours=size,
        rival=raw,
        ratio=raw / size,
        unit="bytes",
        equal=found[0] - found[CHOSEN] <= MOST_LOST,
        shapes=f"{SCENES} scenes of {SIDE} x {SIDE}, {patches} patches, rank {CHOSEN}",
        threads=torch.get_num_threads(),
        miou=found,
    )


@torch.no_grad()
def add(method: Method, first: int, curves: dict[int, CamCurve]) -> int:
    """Counts some scenes; how many patches they have."""
    samples = [World("test", size=SIDE).read(index) for index in range(first, first + TOGETHER)]
    images = torch.stack([torch.from_numpy(sample.image.copy()) for sample in samples]).permute(0, 3, 1, 2) / 255
    tags = without_background(torch.stack([tag_vector(sample.tags or (), len(WORLD_CLASSES)) for sample in samples]))
    attention = method.clip.raw_attention(method.tower, images)
    if attention is None:
        raise ValueError("expected attention of diffusion")
    for rank, curve in curves.items():
        lent = low_rank_attention(attention, rank).dense() if rank else attention
        for sample, maps in zip(samples, maps_of(method, images, tags, lent), strict=True):
            curve.add(maps, torch.from_numpy(sample.labels))
    return attention.shape[1]


def maps_of(method: Method, images: Tensor, tags: Tensor, lent: Tensor) -> Tensor:
    encoded = method.clip.encode(method.tower, images, lent)
    return add_absence_background(as_grid(encoded.cam, encoded.grid), tags, (SIDE, SIDE))
