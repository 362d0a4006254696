"""Tiny random models of transformers, saved as that library saves the real ones."""

from pathlib import Path
from typing import Any

import torch

SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 32, "patch_size": 8}
WIDER = {**SMALL, "intermediate_size": 64}

PLAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("ViTModel", WIDER),
    "vit-classifier": ("ViTForImageClassification", {**WIDER, "qkv_bias": False}),
    "deit": ("DeiTForImageClassificationWithTeacher", WIDER),
    "dinov2": ("Dinov2Model", SMALL),
    "dinov2-giant": ("Dinov2ForImageClassification", {**SMALL, "use_swiglu_ffn": True}),
    "dinov2-registers": ("Dinov2WithRegistersModel", SMALL),
    "dinov3": ("DINOv3ViTModel", {**WIDER, "num_register_tokens": 2}),
    "dinov3-gated": ("DINOv3ViTModel", {**WIDER, "use_gated_mlp": True, "hidden_act": "silu"}),
}
"""Classes and keys of their configs, of plain vision transformers."""

_STAGES = {"hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1]}
_WINDOWS = {
    "image_size": 32,
    "patch_size": 4,
    "embed_dim": 8,
    "depths": [1] * 4,
    "num_heads": [1] * 4,
    "window_size": 4,
}
LIBRARY: dict[str, tuple[str, dict[str, Any]]] = {
    "swin": ("SwinForImageClassification", _WINDOWS),
    "convnext": ("ConvNextForImageClassification", _STAGES),
    "convnextv2": ("ConvNextV2ForImageClassification", _STAGES),
    "resnet": ("ResNetForImageClassification", {**_STAGES, "embedding_size": 8, "layer_type": "basic"}),
    "beit": ("BeitForImageClassification", {**WIDER, "num_hidden_layers": 8}),
}
"""The same of networks that transformers builds."""

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)


def make(kind: str, keys: dict[str, Any]) -> Any:
    """Builds a model all of whose weights are drawn, so that none is a 0 or 1 that hides a mistake."""
    import transformers

    model_class = getattr(transformers, kind)
    torch.manual_seed(0)
    model = model_class(model_class.config_class(**keys))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def save(model: Any, folder: Path) -> Path:
    """Saves a model with a description of its input beside it."""
    from transformers import ViTImageProcessor

    model.save_pretrained(folder)
    ViTImageProcessor(image_mean=list(MEAN), image_std=list(STD)).save_pretrained(folder)
    return folder
