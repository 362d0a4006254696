"""Tiny networks with random weights that take words, points and boxes, saved as the library saves the real ones."""

import json
from pathlib import Path
from typing import Any

import torch
from tests.models.foundation.makers import tokenizer

_SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
CONCEPT_KINDS = ("clipseg", "sam3", "tipsv2")
PROMPTABLE_KINDS = ("sam", "sam2")
SIDE = {"clipseg": 32, "sam3": 56, "tipsv2": 28, "sam": 64, "sam2": 64}
"""Side of the images that each kind takes."""


def save_concept(folder: Path, kind: str) -> Path:
    """Saves a network that is asked by words, and settings of its images at its size."""
    words = tokenizer(limit=12)
    model = {"clipseg": _clipseg, "sam3": _sam3, "tipsv2": _tipsv2}[kind](words)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    if kind == "tipsv2":  # its own tokenizer is read by another class of the library; this one has a tokenizer.json
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": "<|endoftext|>", "model_max_length": 12}))  # fmt: skip
    _image_settings(folder, {"height": SIDE[kind], "width": SIDE[kind]}, kind)
    return folder


def save_promptable(folder: Path, kind: str) -> Path:
    """Saves a network that is asked by points, boxes and masks."""
    torch.manual_seed(0)
    model = {"sam": _sam, "sam2": _sam2}[kind]()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # masks of an initial network hardly vary
                torch.nn.init.kaiming_normal_(parameter)
    model.save_pretrained(folder)
    size = {"longest_edge": SIDE[kind]} if kind == "sam" else {"height": SIDE[kind], "width": SIDE[kind]}
    _image_settings(folder, size, kind)
    return folder


def _image_settings(folder: Path, size: dict[str, int], kind: str) -> None:
    halves = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3} if kind == "sam3" else {}
    settings = {"size": size, "do_rescale": True, "do_normalize": kind != "tipsv2", **halves}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def _ids(words: Any) -> dict[str, int]:
    return {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}


def _clipseg(words: Any) -> Any:
    from transformers import CLIPSegConfig, CLIPSegForImageSegmentation

    torch.manual_seed(0)
    text = {**_SMALL, "num_hidden_layers": 2, "vocab_size": len(words), "max_position_embeddings": 12, **_ids(words)}
    vision = {**_SMALL, "num_hidden_layers": 4, "image_size": 32, "patch_size": 8}
    config = CLIPSegConfig(
        text_config=text, vision_config=vision, projection_dim=8, extract_layers=[1, 2, 3], reduce_dim=8,
        decoder_num_attention_heads=2, decoder_intermediate_size=16,
    )  # fmt: skip
    return CLIPSegForImageSegmentation(config)


def _sam3(words: Any) -> Any:
    from transformers import Sam3Config, Sam3Model

    torch.manual_seed(0)
    inner = {"model_type": "sam3_vit_model", **_SMALL, "num_hidden_layers": 2, "image_size": 56, "patch_size": 14,
             "window_size": 2, "global_attn_indexes": [1], "pretrain_image_size": 28}  # fmt: skip
    sizes = {"hidden_size": 16, "num_attention_heads": 2}
    layers = {**sizes, "num_layers": 1, "intermediate_size": 32}
    text = {"model_type": "clip_text_model", **_SMALL, "num_hidden_layers": 2, "vocab_size": len(words),
            "max_position_embeddings": 12, "projection_dim": 8, **_ids(words)}  # fmt: skip
    config = Sam3Config(
        vision_config={
            "backbone_config": inner,
            "fpn_hidden_size": 16,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config=text,
        geometry_encoder_config=layers,
        detr_encoder_config=layers,
        detr_decoder_config={**layers, "num_queries": 5},
        mask_decoder_config={**sizes, "num_upsampling_stages": 2},
        initializer_range=0.5,
    )
    return Sam3Model(config)


def _tipsv2(words: Any) -> Any:
    from transformers import Tipsv2Config, Tipsv2Model

    torch.manual_seed(0)
    text = {**_SMALL, "num_hidden_layers": 2, "vocab_size": len(words), "max_position_embeddings": 12}
    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 7}
    return Tipsv2Model(Tipsv2Config(text_config=text, vision_config=vision, temperature_init_value=0.5))


def _sam() -> Any:
    from transformers import SamConfig, SamModel

    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64, "patch_size": 8,
              "mlp_dim": 32, "output_channels": 8, "window_size": 2, "global_attn_indexes": [1],
              "num_pos_feats": 4}  # fmt: skip
    prompts = {"hidden_size": 8, "image_size": 64, "patch_size": 8, "mask_input_channels": 4}
    masks = {"hidden_size": 8, "mlp_dim": 8, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
    return SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=masks))


def _sam2() -> Any:
    from transformers import Sam2Config, Sam2Model

    inner = {"model_type": "sam2_hiera_det_model", "hidden_size": 8, "num_attention_heads": 1, "image_size": [64, 64],
             "blocks_per_stage": [1, 1, 2, 1], "embed_dim_per_stage": [8, 16, 32, 64],
             "num_attention_heads_per_stage": [1, 1, 2, 2], "window_size_per_stage": [4, 4, 2, 2],
             "window_positional_embedding_background_size": [4, 4],
             "global_attention_blocks": [3]}  # fmt: skip
    vision = {"backbone_config": inner, "backbone_channel_list": [64, 32, 16, 8], "fpn_hidden_size": 32,
              "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]], "num_feature_levels": 3}  # fmt: skip
    prompts = {"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4}
    masks = {"hidden_size": 32, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 8}
    config = Sam2Config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=masks)
    return Sam2Model(config)
