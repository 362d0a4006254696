"""Tiny foundation models with random weights, saved the way their libraries save the real ones."""

import json
from pathlib import Path
from typing import Any

import torch

WORDS = ("a", "photo", "of", "dog", "cat", "red", "clean", "origami", "the", "bird", "sky", ",")


def tokenizer(words: tuple[str, ...] = WORDS, limit: int = 16) -> Any:
    """CLIP's own kind: pairs of bytes, here enough of them to make each of `words` one token."""
    from transformers import CLIPTokenizer

    letters = sorted({letter for word in words for letter in word} | set("abcdefghijklmnopqrstuvwxyz"))
    merges: list[tuple[str, str]] = []
    tokens = letters + [f"{letter}</w>" for letter in letters]
    for word in words:
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            parts = ["".join(pair), *parts[2:]]
            if pair not in merges:
                merges.append(pair)
            if parts[0] not in tokens:
                tokens.append(parts[0])
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, model_max_length=limit)


def save_clip(folder: Path, side: int = 32, patch: int = 8) -> Path:
    from transformers import CLIPConfig, CLIPModel

    words = tokenizer()
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={
            "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 2, "max_position_embeddings": 16, "projection_dim": 8,
            "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id,
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4,
            "image_size": side, "patch_size": patch, "projection_dim": 8,
        },
        projection_dim=8,
        initializer_factor=8.0,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_metaclip2(folder: Path) -> Path:
    """MetaCLIP 2, whose towers are CLIP's and whose texts end with a token of any number."""
    from transformers import MetaClip2Config, MetaClip2Model

    words = tokenizer()
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "projection_dim": 8}
    tokens = {name: getattr(words, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    text = {"vocab_size": len(words), "num_hidden_layers": 2, "max_position_embeddings": 16, **sizes, **tokens}
    vision = {"num_hidden_layers": 4, "image_size": 32, "patch_size": 8, **sizes}
    config = MetaClip2Config(text_config=text, vision_config=vision, projection_dim=8)
    MetaClip2Model(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def rewrite(path: Path, **changes: Any) -> None:
    """Changes entries of a JSON file; None takes one away."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def save_stable_diffusion(folder: Path, prediction: str = "epsilon") -> Path:
    """An image has 32 x 32 pixels and a latent half of that; the decoder attends at 8 x 8 and at 16 x 16 places."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    words = tokenizer()
    torch.manual_seed(0)
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=16, bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
        )
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=16,
        attention_head_dim=(2, 4),  # in this class: how many heads
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        sample_size=32, block_out_channels=(8, 8), latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1,
        prediction_type=prediction,
    )  # fmt: skip
    StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=words, unet=unet, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def save_depth(folder: Path, kind: str = "depth_anything", **changes: Any) -> Path:
    """A network of 32 x 32 pixels in patches of 8; its image settings are those of its authors, at this size."""
    import transformers
    from transformers import DepthAnythingConfig, Dinov2Config, DPTConfig, ZoeDepthConfig
    from transformers.models.beit import BeitConfig

    inner: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "image_size": 32}
    neck: dict[str, Any] = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "patch_size": 8}
    if kind == "depth_anything":
        eyes = Dinov2Config(**inner, patch_size=8, out_indices=[1, 2, 3, 4], reshape_hidden_states=False)
        config = DepthAnythingConfig(
            backbone_config=eyes, reassemble_hidden_size=16, head_hidden_size=4, **neck, **changes
        )
    elif kind == "dpt":
        config = DPTConfig(**inner, intermediate_size=32, backbone_out_indices=[0, 1, 2, 3], **neck, **changes)
    else:
        eyes = BeitConfig(
            **inner, intermediate_size=32, patch_size=8, use_relative_position_bias=True, reshape_hidden_states=False,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )  # fmt: skip
        config = ZoeDepthConfig(
            backbone_config=eyes, bottleneck_features=8, num_relative_features=4, bin_embedding_dim=8,
            bin_configurations=[{"n_bins": 8, "min_depth": 0.001, "max_depth": 10.0}], initializer_range=0.5,
            **neck, **changes,
        )  # fmt: skip
    torch.manual_seed(0)
    names = {"depth_anything": "DepthAnything", "dpt": "DPT", "zoedepth": "ZoeDepth"}
    getattr(transformers, f"{names[kind]}ForDepthEstimation")(config).save_pretrained(folder)
    settings = {"size": {"height": 32, "width": 32}, "ensure_multiple_of": 8, "keep_aspect_ratio": kind != "dpt"}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def word_pieces() -> Any:
    """BERT's kind of tokenizer, which BLIP and GIT have."""
    from transformers import BertTokenizer

    return BertTokenizer(vocab={token: place for place, token in enumerate((*SPECIAL, *WORDS))})


def words_after_a_start() -> Any:
    """A tokenizer that marks the start of a text and not its end, as OPT's does, with BLIP-2's token for an image."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(WordLevel({token: place for place, token in enumerate((*SPECIAL, *WORDS))}, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    plain.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    names = {"bos_token": "[CLS]", "eos_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(tokenizer_object=plain, additional_special_tokens=["<image>"], **names)


def save_captioner(folder: Path, kind: str, says: str | None = None) -> Path:
    """Writes what its random weights make it, or one word again and again, or ends at once if it `says` "[SEP]"."""
    build = {"blip-2": _blip2, "blip": _blip, "git": _git}[kind]
    torch.manual_seed(0)
    model, words, bias = build()
    if says is not None:
        bias[words.convert_tokens_to_ids(says)] = 100.0
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def _git() -> tuple[Any, Any, torch.Tensor]:
    from transformers import GitConfig, GitForCausalLM

    words = word_pieces()
    eyes = {**SMALL, "image_size": 32, "patch_size": 8}
    config = GitConfig(vision_config=eyes, vocab_size=len(words), **SMALL, bos_token_id=2, eos_token_id=3)
    model = GitForCausalLM(config)
    return model, words, model.output.bias.data


def _blip() -> tuple[Any, Any, torch.Tensor]:
    from transformers import BlipConfig, BlipForConditionalGeneration

    words = word_pieces()
    eyes = {**SMALL, "image_size": 32, "patch_size": 8}
    text = {**SMALL, "vocab_size": len(words), "encoder_hidden_size": 16, "bos_token_id": 2, "sep_token_id": 3}
    model = BlipForConditionalGeneration(BlipConfig(vision_config=eyes, text_config=text | {"pad_token_id": 0}))
    return model, words, model.text_decoder.cls.predictions.bias.data


def _blip2() -> tuple[Any, Any, torch.Tensor]:
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    words = words_after_a_start()
    eyes = {**SMALL, "image_size": 32, "patch_size": 8, "initializer_range": 0.02}
    asks = {**SMALL, "vocab_size": 8, "encoder_hidden_size": 16}
    text = {"model_type": "opt", "hidden_size": 16, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "vocab_size": len(words), "word_embed_proj_dim": 16, "max_position_embeddings": 64,
            "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}  # fmt: skip
    config = Blip2Config(
        vision_config=eyes, qformer_config=asks, text_config=text, num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return Blip2ForConditionalGeneration(config), words, torch.zeros(len(words))
