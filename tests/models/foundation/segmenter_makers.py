"""Tiny segmenters of transformers with random weights, saved the way the library saves the real ones."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tests.models.foundation.makers import tokenizer

NAMES = ("road", "sidewalk", "sky", "car")
SIDE = 64
"""Side of the images that the kinds with a fixed size take."""

_INNER: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": SIDE}
_SWIN: dict[str, Any] = {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8], "window_size": 4}
_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_MASKED: dict[str, Any] = {"hidden_dim": 32, "num_attention_heads": 2, "num_queries": 5, "encoder_layers": 1,
                           "decoder_layers": 2, "dim_feedforward": 16}  # fmt: skip


def save_segmenter(folder: Path, kind: str, names: Sequence[str] = NAMES, **settings: Any) -> Path:
    """Saves a segmenter with these classes; `settings` are those of its images."""
    import transformers

    torch.manual_seed(0 if kind == "oneformer" else 1)  # predictions of more than one class
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: place for place, name in enumerate(names)}}
    config, name = _KINDS[kind](transformers, labels)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # predictions of an initial network hardly vary
                torch.nn.init.kaiming_normal_(parameter).mul_(1.5 if kind == "mobilevit" else 1)  # SiLU halves
    model.save_pretrained(folder)
    if kind == "oneformer":
        tokenizer(("the", "task", "is", "semantic"), limit=77).save_pretrained(folder)
    if settings:
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def _segformer(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    sizes = {"depths": [1] * 4, "hidden_sizes": [4, 8, 8, 16], "num_attention_heads": [1, 1, 1, 2]}
    config = library.SegformerConfig(**sizes, decoder_hidden_size=16, **labels)
    return config, "SegformerForSemanticSegmentation"


def _upernet(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    inner = library.ConvNextConfig(depths=[1] * 4, hidden_sizes=[4, 8, 8, 16], out_features=_STAGES)
    config = library.UperNetConfig(backbone_config=inner, hidden_size=16, auxiliary_channels=8, **labels)
    return config, "UperNetForSemanticSegmentation"


def _dpt(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    neck = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8, "patch_size": 8, "intermediate_size": 32}
    config = library.DPTConfig(**_INNER, **neck, backbone_out_indices=[0, 1, 2, 3], readout_type="ignore", **labels)
    return config, "DPTForSemanticSegmentation"


def _mobilevit(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    config = library.MobileViTConfig(
        hidden_sizes=[8, 8, 8], neck_hidden_sizes=[4, 4, 4, 4, 8, 8, 16], num_attention_heads=2, aspp_out_channels=8,
        image_size=SIDE, **labels,
    )  # fmt: skip
    return config, "MobileViTForSemanticSegmentation"


def _beit(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    config = library.BeitConfig(
        **_INNER, intermediate_size=32, patch_size=16, use_relative_position_bias=True, out_indices=[1, 2, 3, 4],
        pool_scales=[1, 2], **labels,
    )  # fmt: skip
    return config, "BeitForSemanticSegmentation"


def _mask2former(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    inner = library.SwinConfig(**_SWIN, out_features=_STAGES)
    config = library.Mask2FormerConfig(
        backbone_config=inner, feature_size=32, mask_feature_size=32, encoder_feedforward_dim=16, **_MASKED, **labels
    )
    return config, "Mask2FormerForUniversalSegmentation"


def _maskformer(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    decoder = library.DetrConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=5,
    )  # fmt: skip
    config = library.MaskFormerConfig(
        backbone_config=library.SwinConfig(**_SWIN, out_features=_STAGES), decoder_config=decoder, fpn_feature_size=32,
        mask_feature_size=32, **labels,
    )  # fmt: skip
    return config, "MaskFormerForInstanceSegmentation"


def _oneformer(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    config = library.OneFormerConfig(
        backbone_config=library.SwinConfig(**_SWIN, out_features=_STAGES), conv_dim=32, mask_dim=32,
        encoder_feedforward_dim=16, query_dec_layers=1, text_encoder_width=16, text_encoder_num_layers=1,
        max_seq_len=77, task_seq_len=77, text_encoder_vocab_size=100, text_encoder_context_length=77, is_training=False,
        **_MASKED, **labels,
    )  # fmt: skip
    return config, "OneFormerForUniversalSegmentation"


def _eomt(library: Any, labels: Mapping[str, Any]) -> tuple[Any, str]:
    config = library.EomtConfig(
        **_INNER, patch_size=16, num_blocks=1, num_queries=5, num_upscale_blocks=2, mlp_ratio=2, **labels
    )
    return config, "EomtForUniversalSegmentation"


_KINDS = {
    "segformer": _segformer,
    "upernet": _upernet,
    "dpt": _dpt,
    "mobilevit": _mobilevit,
    "beit": _beit,
    "mask2former": _mask2former,
    "maskformer": _maskformer,
    "oneformer": _oneformer,
    "eomt": _eomt,
}
KINDS = tuple(_KINDS)
