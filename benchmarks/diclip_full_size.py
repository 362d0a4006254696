"""The same as diclip-online at the size of the paper: CLIP ViT-B/16 and Stable Diffusion 2.1, with random weights.

Takes some minutes, 5 GB of disk in the temporary folder and 10 GB of memory. With `--phases` it measures time and peak
memory of each phase per image instead; `--clip FOLDER` and `--diffusion FOLDER` take real weights.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import _diclip_phases
from benchmarks._diclip import compare
from benchmarks._harness import Result
from seglet.methods.diclip import Config
from seglet.models.foundation.tiny.vocabulary import build_word_tokenizer, save_tokenizer

WORDS = ("a", "clean", "origami", "photo", "of")
VOCABULARY, LENGTH = 49408, 77


def add_arguments(parser: argparse.ArgumentParser) -> None:
    _diclip_phases.add_arguments(parser)
    parser.add_argument("--clip", help="folder of CLIP ViT-B/16 (default: random weights)")
    parser.add_argument("--diffusion", help="folder of Stable Diffusion 2.1-base (default: random weights)")


def run(options: argparse.Namespace) -> Result:
    """One view of 320 x 320, and a whole image of 512 x 512 for diffusion."""
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        clip, diffusion = Path(folder) / "clip", Path(folder) / "diffusion"
        if options.clip is None:
            save_clip(clip)
        if options.diffusion is None:
            save_diffusion(diffusion)
        clip, diffusion = Path(options.clip or clip), Path(options.diffusion or diffusion)
        column = Config(clip_model=str(clip), prompts="world", diffusion=(str(diffusion),), cache_from="none")
        if options.phases:
            return _diclip_phases.measure_phases(replace(column, generator=str(diffusion)), 320, options)
        return compare("diclip-full-size", column, replace(column, attention_loop=True), (1, 320), 0.1, 1)


def text_config() -> dict[str, int]:
    tokenizer = build_word_tokenizer(WORDS, LENGTH)
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    return {"vocab_size": VOCABULARY, "max_position_embeddings": LENGTH, **ids}


def save_clip(folder: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    text = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8}
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    config = CLIPConfig(
        text_config={**text, **text_config(), "projection_dim": 512},
        vision_config={**vision, "image_size": 224, "patch_size": 16, "projection_dim": 512},
        projection_dim=512,
    )
    CLIPModel(config).save_pretrained(folder)
    save_tokenizer(build_word_tokenizer(WORDS, LENGTH), WORDS, folder)


def save_diffusion(folder: Path) -> None:
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    text = CLIPTextConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, **text_config()
    )
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=1024,
        attention_head_dim=(5, 10, 20, 20), use_linear_projection=True,
    )  # fmt: skip
    vae = AutoencoderKL(
        sample_size=512, block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
    )
    StableDiffusionPipeline(
        vae=vae.half(), text_encoder=CLIPTextModel(text).half(), tokenizer=build_word_tokenizer(WORDS, LENGTH),
        unet=unet.half(), scheduler=scheduler, safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    save_tokenizer(build_word_tokenizer(WORDS, LENGTH), WORDS, folder / "tokenizer")
