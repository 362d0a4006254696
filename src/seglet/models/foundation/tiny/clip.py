"""A miniature of CLIP: transformers' CLIPModel, 1.6 million parameters, patches of 8 pixels.

Axes: b images or texts, n tokens (the first one CLIP's class token), m words, c channels.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.tiny.vocabulary import build_word_tokenizer, encode_texts, save_tokenizer

_WIDTH, _HEADS, _LAYERS, _TEXT_LAYERS = 128, 4, 6, 2
_PATCH, _SIZE, _LENGTH = 8, 128, 32


class TinyCLIP(nn.Module):
    """transformers' model in `clip`, with access to its parts; its tokenizer knows `words`.

    Weights come from torch's global generator.
    """

    width: ClassVar[int] = _WIDTH
    depth: ClassVar[int] = _LAYERS
    """Number of layers of the image encoder."""
    patch: ClassVar[int] = _PATCH
    side: ClassVar[int] = _SIZE
    """Side in pixels of the images that it is trained on."""

    def __init__(self, words: Sequence[str]) -> None:
        from transformers import CLIPConfig, CLIPModel

        super().__init__()
        self.words = tuple(words)
        self.tokenizer = build_word_tokenizer(words, _LENGTH)
        shape = {
            "hidden_size": _WIDTH,
            "intermediate_size": 4 * _WIDTH,
            "num_attention_heads": _HEADS,
            "projection_dim": _WIDTH,
        }
        ids = {"bos_token_id": self.tokenizer.bos_token_id, "eos_token_id": self.tokenizer.eos_token_id}
        text = {
            "vocab_size": len(self.tokenizer),
            "max_position_embeddings": _LENGTH,
            "num_hidden_layers": _TEXT_LAYERS,
        }
        vision = {"image_size": _SIZE, "patch_size": _PATCH, "num_hidden_layers": _LAYERS}
        with quiet_libraries():
            config = CLIPConfig(
                text_config={**shape, **ids, **text, "pad_token_id": self.tokenizer.pad_token_id},
                vision_config={**shape, **vision},
                projection_dim=_WIDTH,
            )
            self.clip: Any = CLIPModel(config)
            self.clip.set_attn_implementation("eager")  # 1.6 times faster here than torch's fused one, in bf16

    def encode(self, texts: Sequence[str]) -> Integer[Tensor, "b n"]:
        """Returns token ids, padded to the model's length."""
        return torch.tensor(encode_texts(self.tokenizer, texts))

    def layer(self, images: Float[Tensor, "b 3 h w"], depth: int) -> Float[Tensor, "b n c"]:
        """Returns the output of the first `depth` layers for images of any size that patches divide."""
        vision = self.clip.vision_model
        return self._through(vision.pre_layrnorm(self._patches(images)), 0, depth)

    def above(self, tokens: Float[Tensor, "b n c"], depth: int) -> Float[Tensor, "b n c"]:
        """Returns the output of the layers above the first `depth` for the output of those."""
        return self._through(tokens, depth, _LAYERS)

    def project(self, tokens: Float[Tensor, "*b c"]) -> Float[Tensor, "*b c"]:
        """Projects image tokens of the last layer into the space shared with texts, at unit length."""
        vision = self.clip.vision_model
        return F.normalize(self.clip.visual_projection(vision.post_layernorm(tokens)).float(), dim=-1)

    def read(self, ids: Integer[Tensor, "b n"]) -> tuple[Float[Tensor, "b n c"], Float[Tensor, "b c"]]:
        """Returns vectors of all tokens and of whole texts in the shared space, at unit length."""
        out = self.clip.text_model(input_ids=ids)
        states = self.clip.text_projection(out.last_hidden_state).float()
        whole = self.clip.text_projection(out.pooler_output).float()
        return F.normalize(states, dim=-1), F.normalize(whole, dim=-1)

    def condition(self, texts: Sequence[str]) -> Float[Tensor, "b n c"]:
        """Returns token states of texts as Stable Diffusion takes them: of all places, before the projection."""
        states: Tensor = self.clip.text_model(input_ids=self.encode(texts)).last_hidden_state
        return states

    def scale(self) -> Float[Tensor, ""]:
        """Returns the factor of cosines, at most 100."""
        factor: Tensor = self.clip.logit_scale.clamp(max=4.6052).exp()
        return factor

    def save(self, folder: Path) -> None:
        """Saves model in half precision, tokenizer and image processor, as transformers reads them."""
        from transformers import CLIPImageProcessorPil

        with quiet_libraries():
            half_precision_copy(self.clip).save_pretrained(folder)
            save_tokenizer(self.tokenizer, self.words, folder)
            sides = {"height": _SIZE, "width": _SIZE}
            CLIPImageProcessorPil(size={"shortest_edge": _SIZE}, crop_size=sides).save_pretrained(folder)

    def _patches(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n c"]:
        mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
        exact = images.shape[2:] == (_SIZE, _SIZE)
        tokens: Tensor = self.clip.vision_model.embeddings((images - mean) / std, interpolate_pos_encoding=not exact)
        return tokens

    def _through(self, tokens: Float[Tensor, "b n c"], begin: int, end: int) -> Float[Tensor, "b n c"]:
        for layer in self.clip.vision_model.encoder.layers[begin:end]:
            tokens = layer(tokens, None)
        return tokens


def half_precision_copy(model: Any) -> Any:
    """Returns a copy in half precision, as weights are shipped."""
    return copy.deepcopy(model).half()
