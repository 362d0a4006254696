"""Networks that find what a phrase names: CLIPSeg, SAM 3 and TIPSv2, as transformers builds them.

Axes: t phrases, l tokens, d channels of a token, n patches, q queries, y rows and x columns of maps.
"""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seglet.models.foundation.concept_teacher import IDENTITY, ConceptMaps, ConceptTeacher, SquareInput
from seglet.models.foundation.hub import ModelFiles, find_model, parse_source
from seglet.models.foundation.loading import import_library, load_network, parse_dtype
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.text_tower import TokenVectors
from seglet.models.foundation.tokenizer import check_tokenizer, open_tokenizer
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD

CONCEPT_LAYOUT = ModelLayout(
    "a network that finds what a phrase names",
    "config.json",
    ("clipseg", "sam3", "sam3_video", "tipsv2"),
    ("model",),
    refused=(("sam", "it takes points and boxes, no words; its segments are for the refiner sam"), ("sam3", "")),
)
_HALF = (0.5, 0.5, 0.5)
_PROMPTS_AT_ONCE = 16


def load_concept_teacher(
    source: str | Path, dtype: str | torch.dtype = "float32", instances: bool = False
) -> ConceptTeacher:
    """Loads CLIPSeg, SAM 3 or TIPSv2 from a folder, an id of the hub or a short name; see `hub.find_model`.

    Args:
        source: the folder, id or name; `@REVISION` may follow an id.
        dtype: precision of the weights.
        instances: whether maps of SAM 3 are those of its instances; see `SAM3`.

    Raises:
        ValueError: the model is not available, incomplete or none of these, or its tokenizer is another's.
    """
    wanted = parse_dtype(dtype)  # before anything is downloaded
    place, revision = parse_source(source)
    found = find_model(place, "concept", CONCEPT_LAYOUT, revision)
    tokenizer = open_tokenizer(found.folder)
    load = {"clipseg": _load_clipseg, "tipsv2": _load_tips}.get(found.description["model_type"], _load_sam3)
    teacher = load(found, tokenizer, wanted).eval()
    if isinstance(teacher, SAM3):
        teacher.instances = instances
    return teacher


class CLIPSeg(ConceptTeacher):
    """CLIPSeg: a small decoder on three layers of CLIP, asked by the vector of a phrase; presence is the map's maximum.

    Source: Lüddecke and Ecker, CVPR 2022.
    """

    def _embedded(self, ids: Tensor, valid: Tensor) -> TokenVectors:
        vectors = self.model.clip.get_text_features(ids, attention_mask=valid).pooler_output
        return TokenVectors(vectors[:, None], torch.ones_like(valid[:, :1], dtype=torch.bool))

    def _maps(self, pixels: Tensor, phrases: TokenVectors, others: TokenVectors | None) -> ConceptMaps:
        seen = self.model.clip.vision_model(pixels, output_hidden_states=True, interpolate_pos_encoding=True)
        layers = [seen.hidden_states[place + 1] for place in self.model.extract_layers]  # after the patches' embedding
        parts = []
        for asked in torch.split(phrases.states[:, 0], _PROMPTS_AT_ONCE):
            given = [layer.expand(len(asked), -1, -1) for layer in layers]
            logits = self.model.decoder(given, asked).logits
            parts.append(logits.reshape(len(asked), *logits.shape[-2:]).float().sigmoid())
        maps = torch.cat(parts)
        return ConceptMaps(maps, maps.amax(dim=(1, 2)))


class SAM3(ConceptTeacher):
    """SAM 3: a detector and segmenter of all instances of a phrase, with a token for its presence in the image.

    Source: Carion et al., SAM 3: Segment Anything with Concepts, 2025; transformers' Sam3Processor for the scores.
    """

    instances = False
    """True if maps are those of the instances, each its mask times its score; else that of the semantic head."""

    def _embedded(self, ids: Tensor, valid: Tensor) -> TokenVectors:
        return TokenVectors(self.model.get_text_features(ids, attention_mask=valid).pooler_output, valid.bool())

    def _maps(self, pixels: Tensor, phrases: TokenVectors, others: TokenVectors | None) -> ConceptMaps:
        outputs = import_library("transformers.modeling_outputs").BaseModelOutputWithPooling
        seen = self.model.get_vision_features(pixels)
        maps, presence = [], []
        for states, valid in zip(phrases.states, phrases.valid, strict=True):
            found = self.model(
                vision_embeds=seen, text_embeds=outputs(pooler_output=states[None]), attention_mask=valid[None]
            )
            present = found.presence_logits.float().sigmoid().reshape(1)
            if self.instances:
                scores = found.pred_logits[0].float().sigmoid() * present
                maps.append((found.pred_masks[0].float().sigmoid() * scores[:, None, None]).amax(dim=0))
            else:
                maps.append(found.semantic_seg[0, 0].float().sigmoid())
            presence.append(present)
        return ConceptMaps(torch.stack(maps), torch.cat(presence))


class TIPS(ConceptTeacher):
    """TIPSv2: patches and texts in one space. A map is the share of a phrase beside all words for everything else.

    Source: Cao et al., TIPSv2, CVPR 2026; the comparison with words for everything else is CLIP-ES's.
    """

    contrastive = True

    def _embedded(self, ids: Tensor, valid: Tensor) -> TokenVectors:
        vectors = self.model.get_text_features(ids, attention_mask=valid).pooler_output
        return TokenVectors(vectors[:, None], torch.ones_like(valid[:, :1], dtype=torch.bool))

    def _maps(self, pixels: Tensor, phrases: TokenVectors, others: TokenVectors | None) -> ConceptMaps:
        if others is None:
            raise ValueError("TIPSv2 compares a phrase with words for everything else; give some (`background` of the "
                             "prompts file)")  # fmt: skip
        states = self.model.get_image_features(pixels).last_hidden_state[0]
        patches = states[1 + self.model.config.vision_config.num_register_tokens :].float()
        side = round(len(patches) ** 0.5)
        texts = torch.cat([phrases.states[:, 0], others.states[:, 0]]).float()
        cosine = F.normalize(texts, dim=-1) @ F.normalize(patches, dim=-1).T
        logits = cosine / self.model.temperature.float()
        own, rest = logits[: len(phrases.states)], logits[len(phrases.states) :].logsumexp(dim=0, keepdim=True)
        maps = (own - rest).sigmoid().reshape(-1, side, side)
        return ConceptMaps(maps, maps.amax(dim=(1, 2)))


def _load_clipseg(found: ModelFiles, tokenizer: Any, dtype: torch.dtype) -> ConceptTeacher:
    model = _network("CLIPSegForImageSegmentation", found, dtype)
    check_tokenizer(tokenizer, model.config.text_config, found.folder)
    given = SquareInput.read(found.folder, 352, IMAGENET_MEAN, IMAGENET_STD)
    return CLIPSeg(model, tokenizer, given, _limit(tokenizer, model.config.text_config), found)


def _load_sam3(found: ModelFiles, tokenizer: Any, dtype: torch.dtype) -> ConceptTeacher:
    model = _network("Sam3Model", found, dtype)
    texts = model.text_encoder.config
    check_tokenizer(tokenizer, texts, found.folder)
    side = model.vision_encoder.config.backbone_config.image_size
    given = SquareInput.read(found.folder, side if isinstance(side, int) else side[0], _HALF, _HALF)
    return SAM3(model, tokenizer, given, _limit(tokenizer, texts), found)


def _load_tips(found: ModelFiles, tokenizer: Any, dtype: torch.dtype) -> ConceptTeacher:
    model = _network("Tipsv2Model", found, dtype)
    if len(tokenizer) > model.config.text_config.vocab_size:
        raise ValueError(f"the tokenizer in {found.folder} has more tokens than the text network; take both from one "
                         "model")  # fmt: skip
    given = SquareInput.read(found.folder, 448, *IDENTITY)
    return TIPS(model, tokenizer, given, _limit(tokenizer, model.config.text_config), found)


def _network(name: str, found: ModelFiles, dtype: torch.dtype) -> Any:
    kind = getattr(import_library("transformers"), name, None)
    if kind is None:
        version = import_library("transformers").__version__
        raise ValueError(f"transformers {version} has no {name}; install a newer one")
    return load_network(kind, found.folder, dtype, ("temperature",))


def _limit(tokenizer: Any, config: Any) -> int:
    return int(min(config.max_position_embeddings, tokenizer.model_max_length))
