"""Encoders of sentences other than CLIP's: BERT and its kin, from the hub, a folder or an installed package.

Axes: t texts, l tokens, c channels of a token.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.hub import ModelFiles, find_model
from seglet.models.foundation.loading import import_library, load_network
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.text_tower import TextTower, TokenVectors
from seglet.models.foundation.tokenizer import open_tokenizer

_KINDS = (
    "albert", "bert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta",
)  # fmt: skip
TEXT_LAYOUT = ModelLayout("a text encoder", "config.json", ("clip", *_KINDS), ("model",))


class SentenceEncoder(nn.Module):
    """An encoder of texts that transformers builds, with its tokenizer; frozen."""

    def __init__(self, model: nn.Module, tokenizer: Any) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        config: Any = model.config
        self.width: int = config.hidden_size
        self.limit: int = min(config.max_position_embeddings, tokenizer.model_max_length)
        """Number of tokens of a text that are read, those for begin and end included."""

    @classmethod
    def load(cls, found: ModelFiles) -> "SentenceEncoder":
        """Loads a text encoder from its folder.

        Raises:
            ValueError: it does not load, or has no tokenizer of its own.
        """
        tokenizer = open_tokenizer(found.folder)
        model = load_network(import_library("transformers").AutoModel, found.folder, torch.float32, idle=("pooler",))
        if len(tokenizer) > model.config.vocab_size:
            raise ValueError(
                f"the tokenizer in {found.folder} knows {len(tokenizer)} tokens, the network only "
                f"{model.config.vocab_size}; take both from the same model"
            )
        return cls(model, tokenizer).eval()

    @torch.no_grad()
    def tokens(self, texts: Sequence[str]) -> TokenVectors:
        """Returns the vectors of all tokens of texts, as long as the longest; tokens beyond the limit are cut off.

        Raises:
            ValueError: there is no text.
        """
        if not texts:
            raise ValueError("expected at least one text, got none")
        written = self.tokenizer(
            list(texts), padding="longest", truncation=True, max_length=self.limit, return_tensors="pt"
        ).to(next(self.model.parameters()).device)
        states = self.model(**written).last_hidden_state
        return TokenVectors(states, written["attention_mask"].bool())

    def embed(self, texts: Sequence[str]) -> Float[Tensor, "t c"]:
        """Returns a vector of unit length for each text: the direction of the mean of its tokens.

        Raises:
            ValueError: there is no text.

        Source: Reimers and Gurevych, Sentence-BERT, EMNLP 2019, mean pooling.
        """
        found = self.tokens(texts)
        summed = (found.states * found.valid[:, :, None]).sum(dim=1)
        return F.normalize(summed / found.valid.sum(dim=1, keepdim=True), dim=1)


def load_text_encoder(source: str | Path) -> TextTower | SentenceEncoder:
    """Loads the text half of a CLIP, or another text encoder, by short name, id of the hub or folder.

    Raises:
        ValueError: it is not available, incomplete, or of another kind.
    """
    found = find_model(source, "text", TEXT_LAYOUT)
    if found.description["model_type"] == "clip":
        return ImageTextEncoder.load(source).text
    return SentenceEncoder.load(found)
