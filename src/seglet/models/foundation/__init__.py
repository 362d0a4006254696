"""Foundation models. No other package imports transformers or diffusers, and here they are imported on first use."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.foundation.activations import (
        graph_from,
    )
    from seglet.models.foundation.attention import (
        AttentionPairs,
        added_attention,
        attention_outputs,
        changed_attention,
        pair_attention,
    )
    from seglet.models.foundation.attention_source import (
        AttentionSource,
        QueriesKeys,
        decoder_attention_layers,
        draw_noise,
    )
    from seglet.models.foundation.auto_backbone import build_auto_backbone, describe_auto_backbone, read_auto_backbone
    from seglet.models.foundation.captioner import Captioner
    from seglet.models.foundation.captions import count_captions, fill_empty_captions, is_junk, strip_prompt
    from seglet.models.foundation.clip import CLIP_LAYOUT, ImageTextEncoder
    from seglet.models.foundation.concept_networks import CONCEPT_LAYOUT, load_concept_teacher
    from seglet.models.foundation.concept_teacher import ConceptMaps, ConceptTeacher
    from seglet.models.foundation.depth_estimator import DEPTH_LAYOUT, DepthEstimator, relative_depth
    from seglet.models.foundation.hub import (
        HUB_PREFIX,
        find_model,
        find_present_file,
        parse_source,
        read_present_description,
    )
    from seglet.models.foundation.image_generator import GenerationRecipe, ImageGenerator
    from seglet.models.foundation.image_input import (
        CLIP_MEAN,
        CLIP_STD,
        authors_normalisation,
        read_preprocessing,
        round_to_multiple,
    )
    from seglet.models.foundation.image_tower import ImageFeatures, ImageTower
    from seglet.models.foundation.image_windows import over_square_windows, window_starts
    from seglet.models.foundation.known_models import KNOWN_MODELS, ModelKind, installed_model, known_model
    from seglet.models.foundation.loading import import_library, parse_dtype, quiet_libraries
    from seglet.models.foundation.model_folder import weight_files
    from seglet.models.foundation.pretrained_encoder import ENCODER_LAYOUT, LAST_MAP, PretrainedEncoder
    from seglet.models.foundation.pretrained_segmenter import SEGMENTER_LAYOUT, PretrainedSegmenter, semantic_logits
    from seglet.models.foundation.promptable import (
        PROMPTABLE_LAYOUT,
        EncodedImage,
        PromptableSegmenter,
        PromptedMasks,
    )
    from seglet.models.foundation.segments import GridOptions, grid_segments
    from seglet.models.foundation.stable_diffusion import STABLE_DIFFUSION_LAYOUT, StableDiffusion
    from seglet.models.foundation.text_encoder import SentenceEncoder, load_text_encoder
    from seglet.models.foundation.text_tower import TextTower
    from seglet.models.foundation.unpickle import unpickle_model

__all__ = [
    "CLIP_LAYOUT",
    "CLIP_MEAN",
    "CLIP_STD",
    "CONCEPT_LAYOUT",
    "DEPTH_LAYOUT",
    "ENCODER_LAYOUT",
    "HUB_PREFIX",
    "KNOWN_MODELS",
    "LAST_MAP",
    "PROMPTABLE_LAYOUT",
    "SEGMENTER_LAYOUT",
    "STABLE_DIFFUSION_LAYOUT",
    "AttentionPairs",
    "AttentionSource",
    "Captioner",
    "ConceptMaps",
    "ConceptTeacher",
    "DepthEstimator",
    "EncodedImage",
    "GenerationRecipe",
    "GridOptions",
    "ImageFeatures",
    "ImageGenerator",
    "ImageTextEncoder",
    "ImageTower",
    "ModelKind",
    "PretrainedEncoder",
    "PretrainedSegmenter",
    "PromptableSegmenter",
    "PromptedMasks",
    "QueriesKeys",
    "SentenceEncoder",
    "StableDiffusion",
    "TextTower",
    "added_attention",
    "attention_outputs",
    "authors_normalisation",
    "build_auto_backbone",
    "changed_attention",
    "count_captions",
    "decoder_attention_layers",
    "describe_auto_backbone",
    "draw_noise",
    "fill_empty_captions",
    "find_model",
    "find_present_file",
    "graph_from",
    "grid_segments",
    "import_library",
    "installed_model",
    "is_junk",
    "known_model",
    "load_concept_teacher",
    "load_text_encoder",
    "over_square_windows",
    "pair_attention",
    "parse_dtype",
    "parse_source",
    "quiet_libraries",
    "read_auto_backbone",
    "read_preprocessing",
    "read_present_description",
    "relative_depth",
    "round_to_multiple",
    "semantic_logits",
    "strip_prompt",
    "unpickle_model",
    "weight_files",
    "window_starts",
]

_HOMES = {
    "CLIP_LAYOUT": "seglet.models.foundation.clip",
    "CLIP_MEAN": "seglet.models.foundation.image_input",
    "CLIP_STD": "seglet.models.foundation.image_input",
    "CONCEPT_LAYOUT": "seglet.models.foundation.concept_networks",
    "DEPTH_LAYOUT": "seglet.models.foundation.depth_estimator",
    "ENCODER_LAYOUT": "seglet.models.foundation.pretrained_encoder",
    "HUB_PREFIX": "seglet.models.foundation.hub",
    "KNOWN_MODELS": "seglet.models.foundation.known_models",
    "LAST_MAP": "seglet.models.foundation.pretrained_encoder",
    "PROMPTABLE_LAYOUT": "seglet.models.foundation.promptable",
    "SEGMENTER_LAYOUT": "seglet.models.foundation.pretrained_segmenter",
    "STABLE_DIFFUSION_LAYOUT": "seglet.models.foundation.stable_diffusion",
    "AttentionPairs": "seglet.models.foundation.attention",
    "AttentionSource": "seglet.models.foundation.attention_source",
    "Captioner": "seglet.models.foundation.captioner",
    "ConceptMaps": "seglet.models.foundation.concept_teacher",
    "ConceptTeacher": "seglet.models.foundation.concept_teacher",
    "DepthEstimator": "seglet.models.foundation.depth_estimator",
    "EncodedImage": "seglet.models.foundation.promptable",
    "GenerationRecipe": "seglet.models.foundation.image_generator",
    "GridOptions": "seglet.models.foundation.segments",
    "ImageFeatures": "seglet.models.foundation.image_tower",
    "ImageGenerator": "seglet.models.foundation.image_generator",
    "ImageTextEncoder": "seglet.models.foundation.clip",
    "ImageTower": "seglet.models.foundation.image_tower",
    "ModelKind": "seglet.models.foundation.known_models",
    "PretrainedEncoder": "seglet.models.foundation.pretrained_encoder",
    "PretrainedSegmenter": "seglet.models.foundation.pretrained_segmenter",
    "PromptableSegmenter": "seglet.models.foundation.promptable",
    "PromptedMasks": "seglet.models.foundation.promptable",
    "QueriesKeys": "seglet.models.foundation.attention_source",
    "SentenceEncoder": "seglet.models.foundation.text_encoder",
    "StableDiffusion": "seglet.models.foundation.stable_diffusion",
    "TextTower": "seglet.models.foundation.text_tower",
    "added_attention": "seglet.models.foundation.attention",
    "attention_outputs": "seglet.models.foundation.attention",
    "authors_normalisation": "seglet.models.foundation.image_input",
    "build_auto_backbone": "seglet.models.foundation.auto_backbone",
    "changed_attention": "seglet.models.foundation.attention",
    "count_captions": "seglet.models.foundation.captions",
    "decoder_attention_layers": "seglet.models.foundation.attention_source",
    "describe_auto_backbone": "seglet.models.foundation.auto_backbone",
    "draw_noise": "seglet.models.foundation.attention_source",
    "fill_empty_captions": "seglet.models.foundation.captions",
    "find_model": "seglet.models.foundation.hub",
    "find_present_file": "seglet.models.foundation.hub",
    "graph_from": "seglet.models.foundation.activations",
    "grid_segments": "seglet.models.foundation.segments",
    "import_library": "seglet.models.foundation.loading",
    "installed_model": "seglet.models.foundation.known_models",
    "is_junk": "seglet.models.foundation.captions",
    "known_model": "seglet.models.foundation.known_models",
    "load_concept_teacher": "seglet.models.foundation.concept_networks",
    "load_text_encoder": "seglet.models.foundation.text_encoder",
    "over_square_windows": "seglet.models.foundation.image_windows",
    "pair_attention": "seglet.models.foundation.attention",
    "parse_dtype": "seglet.models.foundation.loading",
    "parse_source": "seglet.models.foundation.hub",
    "quiet_libraries": "seglet.models.foundation.loading",
    "read_auto_backbone": "seglet.models.foundation.auto_backbone",
    "read_preprocessing": "seglet.models.foundation.image_input",
    "read_present_description": "seglet.models.foundation.hub",
    "relative_depth": "seglet.models.foundation.depth_estimator",
    "round_to_multiple": "seglet.models.foundation.image_input",
    "semantic_logits": "seglet.models.foundation.pretrained_segmenter",
    "strip_prompt": "seglet.models.foundation.captions",
    "unpickle_model": "seglet.models.foundation.unpickle",
    "weight_files": "seglet.models.foundation.model_folder",
    "window_starts": "seglet.models.foundation.image_windows",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
