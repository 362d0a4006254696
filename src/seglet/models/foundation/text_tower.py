"""CLIP's text encoder: vectors of texts, of classes and of single tokens.

Axes: t texts, k classes, l tokens, c channels of a token, d of the space that images and texts share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from seglet.models.foundation.tokenizer import TokenizedText, tokenize_texts
from seglet.types import TensorRecord

_BATCH = 256


@dataclass(frozen=True)
class TokenVectors(TensorRecord):
    """Token vectors after the last norm, begin and end of the text among them; `valid` is false on padding."""

    states: Float[Tensor, "t l c"]
    valid: Bool[Tensor, "t l"]


class TextTower(nn.Module):
    """A `CLIPTextModel` with its tokenizer, and the projection if it has one."""

    def __init__(self, model: nn.Module, tokenizer: Any, projection: nn.Linear | None = None) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.projection = projection
        config: Any = model.config
        self.width: int = config.hidden_size
        self.limit: int = min(config.max_position_embeddings, tokenizer.model_max_length)
        """Number of tokens of a text that are read, those for begin and end included."""

    def tokenize(self, texts: Sequence[str]) -> tuple[TokenizedText, ...]:
        """Tokenizes texts and reports whether an end is cut off and which words fall apart or are unknown."""
        return tokenize_texts(self.tokenizer, texts, self.limit)

    def tokens(self, texts: Sequence[str], padded: bool = False) -> TokenVectors:
        """Returns the vectors of all tokens of texts; tokens beyond the limit are cut off, see `tokenize`.

        As long as the longest text, or always as long as the limit if `padded`, which diffusion models expect.

        Raises:
            ValueError: there is no text.
        """
        written, output = self._run(texts, "max_length" if padded else "longest")
        return TokenVectors(output.last_hidden_state, written["attention_mask"].bool())

    def embed(self, texts: Sequence[str]) -> Float[Tensor, "t d"]:
        """Returns a vector of unit length for each text, in single precision, in the space shared with images.

        Raises:
            ValueError: this model has no such space, or there is no text.
        """
        if self.projection is None:
            raise ValueError("this text network belongs to a diffusion model and has no space in common with images; "
                             "load a CLIP model")  # fmt: skip
        if not texts:
            raise ValueError("expected at least one text to embed, got none")
        parts = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        vectors = [self.projection(self._run(part, "longest")[1].pooler_output) for part in parts]
        return F.normalize(torch.cat(vectors).float(), dim=1)

    def embed_classes(self, texts: Sequence[Sequence[str]]) -> Float[Tensor, "k d"]:
        """Returns a vector of unit length for each class: the mean direction of its texts.

        For each class every template with every synonym, as `ClassPrompts.texts` gives them.

        Raises:
            ValueError: there is no class, or one without texts.

        Source: CLIP's prompt ensembles; CLIP-ES, WeCLIP and ExCEL average the same way.
        """
        if empty := [place for place, group in enumerate(texts) if not group]:
            raise ValueError(f"expected texts for each class, got none for number {empty[0]}")
        vectors = self.embed([text for group in texts for text in group])
        means = [group.mean(dim=0) for group in torch.split(vectors, [len(group) for group in texts])]
        return F.normalize(torch.stack(means), dim=1)

    def _run(self, texts: Sequence[str], padding: str) -> tuple[Any, Any]:
        if not texts:
            raise ValueError("expected at least one text, got none")
        written = self.tokenizer(
            list(texts), padding=padding, truncation=True, max_length=self.limit, return_tensors="pt"
        ).to(next(self.model.parameters()).device)
        return written, self.model(input_ids=written["input_ids"])
