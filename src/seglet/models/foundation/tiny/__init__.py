"""Miniatures of foundation models, built with transformers and diffusers and stored exactly as the real ones are."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.foundation.tiny.captioner import TinyCaptioner
    from seglet.models.foundation.tiny.clip import TinyCLIP
    from seglet.models.foundation.tiny.depth import TinyDepth
    from seglet.models.foundation.tiny.diffusion import (
        TRAINING_TIMESTEPS,
        TinyUNet,
        TinyVAE,
        build_pipeline,
        generate_images,
        save_pipeline,
        signal_shares,
    )
    from seglet.models.foundation.tiny.vocabulary import build_word_tokenizer, byte_pairs, encode_texts, save_tokenizer

__all__ = [
    "TRAINING_TIMESTEPS",
    "TinyCLIP",
    "TinyCaptioner",
    "TinyDepth",
    "TinyUNet",
    "TinyVAE",
    "build_pipeline",
    "build_word_tokenizer",
    "byte_pairs",
    "encode_texts",
    "generate_images",
    "save_pipeline",
    "save_tokenizer",
    "signal_shares",
]

_HOMES = {
    "TRAINING_TIMESTEPS": "seglet.models.foundation.tiny.diffusion",
    "TinyCLIP": "seglet.models.foundation.tiny.clip",
    "TinyCaptioner": "seglet.models.foundation.tiny.captioner",
    "TinyDepth": "seglet.models.foundation.tiny.depth",
    "TinyUNet": "seglet.models.foundation.tiny.diffusion",
    "TinyVAE": "seglet.models.foundation.tiny.diffusion",
    "build_pipeline": "seglet.models.foundation.tiny.diffusion",
    "build_word_tokenizer": "seglet.models.foundation.tiny.vocabulary",
    "byte_pairs": "seglet.models.foundation.tiny.vocabulary",
    "encode_texts": "seglet.models.foundation.tiny.vocabulary",
    "generate_images": "seglet.models.foundation.tiny.diffusion",
    "save_pipeline": "seglet.models.foundation.tiny.diffusion",
    "save_tokenizer": "seglet.models.foundation.tiny.vocabulary",
    "signal_shares": "seglet.models.foundation.tiny.diffusion",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
