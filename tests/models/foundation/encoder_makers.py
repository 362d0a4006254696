"""Tiny image encoders of transformers with random weights, saved the way the library saves the real ones."""

from pathlib import Path
from typing import Any

import torch
from tests.models.foundation.makers import save_clip

_SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
                          "patch_size": 8, "intermediate_size": 32}  # fmt: skip
ENCODERS = ("dinov2", "dinov2_with_registers", "dinov3_vit", "vit", "clip", "sam")


def save_encoder(folder: Path, kind: str) -> Path:
    """Saves an encoder of patches of 8 pixels; SAM's takes squares of 32."""
    import transformers

    if kind == "clip":
        return save_clip(folder)
    torch.manual_seed(0)
    model: Any
    if kind == "sam":
        eyes = {**_SMALL, "mlp_dim": 32, "output_channels": 8, "window_size": 2, "global_attn_indexes": [1]}
        prompts = {"hidden_size": 8, "image_size": 32, "patch_size": 8, "mask_input_channels": 4}
        masks = {"hidden_size": 8, "mlp_dim": 8, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
        config = transformers.SamConfig(
            vision_config={**eyes, "num_pos_feats": 4}, prompt_encoder_config=prompts, mask_decoder_config=masks
        )
        model = transformers.SamModel(config)
    elif kind == "vit":  # with a classifier, as published
        model = transformers.ViTForImageClassification(transformers.ViTConfig(**_SMALL))
    else:
        names = {"dinov2": "Dinov2", "dinov2_with_registers": "Dinov2WithRegisters", "dinov3_vit": "DINOv3ViT"}
        more = {"mlp_ratio": 2} if kind != "dinov3_vit" else {"num_register_tokens": 4}
        small = {key: value for key, value in _SMALL.items() if key != "intermediate_size" or kind == "dinov3_vit"}
        model = getattr(transformers, f"{names[kind]}Model")(
            getattr(transformers, f"{names[kind]}Config")(**small, **more)
        )
    model.save_pretrained(folder)
    return folder
