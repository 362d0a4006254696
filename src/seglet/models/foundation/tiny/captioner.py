"""A miniature of BLIP's captioner: transformers' BlipForConditionalGeneration with a vocabulary of words.

Axes: b images, n tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.tiny.clip import half_precision_copy

_WIDTH, _HEADS, _LAYERS, _TEXT_LAYERS, _PATCH, _SIZE, _LENGTH = 96, 4, 5, 2, 8, 64, 32
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_IGNORED = -100
"""Label that transformers' losses ignore."""


class TinyCaptioner(nn.Module):
    """transformers' model in `blip`; its vocabulary is `words`."""

    def __init__(self, words: Sequence[str]) -> None:
        from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

        super().__init__()
        vocabulary = {token: place for place, token in enumerate((*_SPECIAL, *words))}
        shape = {"hidden_size": _WIDTH, "intermediate_size": 4 * _WIDTH, "num_attention_heads": _HEADS}
        text = {
            "vocab_size": len(vocabulary),
            "num_hidden_layers": _TEXT_LAYERS,
            "max_position_embeddings": _LENGTH,
            "pad_token_id": 0,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "sep_token_id": 3,
        }
        vision = {"num_hidden_layers": _LAYERS, "image_size": _SIZE, "patch_size": _PATCH, "initializer_range": 0.02}
        with quiet_libraries():
            self.tokenizer: Any = BertTokenizer(vocabulary, model_max_length=_LENGTH)
            self.blip: Any = BlipForConditionalGeneration(
                BlipConfig(
                    text_config={**shape, **text}, vision_config={**shape, **vision}, image_text_hidden_size=_WIDTH
                )
            )
            self.blip.set_attn_implementation("eager")

    def encode(self, captions: Sequence[str]) -> tuple[Integer[Tensor, "b n"], Integer[Tensor, "b n"]]:
        """Returns token ids padded to the longest caption, and a mask that is 1 where there is a token."""
        out = self.tokenizer(list(captions), padding=True, truncation=True)
        return torch.tensor(out["input_ids"]), torch.tensor(out["attention_mask"])

    def loss(
        self, images: Float[Tensor, "b 3 h w"], ids: Integer[Tensor, "b n"], mask: Integer[Tensor, "b n"]
    ) -> Float[Tensor, ""]:
        """Computes the cross-entropy of each word given those before it and the image, in nats a word."""
        labels = ids.masked_fill(mask == 0, _IGNORED)
        out: Tensor = self.blip(self._normal(images), ids, attention_mask=mask, labels=labels).loss
        return out

    def caption(self, images: Float[Tensor, "b 3 h w"], prompt: str = "") -> list[str]:
        """Generates a caption by taking the most probable word each time, behind a prompt."""
        ids = torch.tensor(self.tokenizer([prompt] * len(images))["input_ids"])
        with quiet_libraries():
            out = self.blip.generate(self._normal(images), ids, max_length=_LENGTH, num_beams=1, do_sample=False)
        texts: list[str] = self.tokenizer.batch_decode(out, skip_special_tokens=True)
        return texts

    def save(self, folder: Path) -> None:
        """Saves model in half precision, tokenizer and processor, as transformers reads them."""
        from transformers import BlipImageProcessorPil

        with quiet_libraries():
            half_precision_copy(self.blip).save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
            tokens = self.tokenizer.get_vocab()
            lines = sorted(tokens, key=lambda token: tokens[token])
            (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
            size = {"height": _SIZE, "width": _SIZE}
            BlipImageProcessorPil(size=size, image_mean=list(CLIP_MEAN), image_std=list(CLIP_STD)).save_pretrained(
                folder
            )

    def _normal(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
        return (images - mean) / std
