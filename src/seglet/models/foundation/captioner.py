"""Image captioning with BLIP-2, and with the smaller BLIP and GIT.

Axes: b images, h rows, w columns.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.captions import strip_prompt
from seglet.models.foundation.hub import ModelFiles, find_model
from seglet.models.foundation.image_input import CLIP_MEAN, CLIP_STD, authors_normalisation, read_preprocessing
from seglet.models.foundation.loading import import_library, load_network, parse_dtype, quiet_libraries
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.tokenizer import open_tokenizer
from seglet.models.layers.normalise import Normalise
from seglet.tensors import resize_antialiased

_CLASSES = {
    "blip-2": "Blip2ForConditionalGeneration",
    "blip": "BlipForConditionalGeneration",
    "git": "GitForCausalLM",
}
CAPTIONER_LAYOUT = ModelLayout("a captioner", "config.json", tuple(_CLASSES), ("model",))


class Captioner(nn.Module):
    """Writes a sentence about each image, always the same one; frozen."""

    def __init__(self, model: nn.Module, tokenizer: Any, normalise: Normalise, found: ModelFiles) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.normalise = normalise
        self.found = found
        config: Any = model.config
        self.side: int = config.vision_config.image_size
        """Side in pixels of the square that every image is resized to, whole: a crop could hide objects."""

    @classmethod
    def load(
        cls,
        source: str | Path = "blip2",
        revision: str | None = None,
        dtype: str | torch.dtype = "float32",
        offline: bool = False,
    ) -> "Captioner":
        """Loads a captioner from a folder, an id of the hub, or a short name of `KNOWN_MODELS`; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no captioner of these three kinds, or its tokenizer is
                another's.
        """
        wanted = parse_dtype(dtype)  # before anything is downloaded
        found = find_model(source, "captioner", CAPTIONER_LAYOUT, revision, offline)
        tokenizer = open_tokenizer(found.folder)
        model = load_network(
            getattr(import_library("transformers"), _CLASSES[found.description["model_type"]]), found.folder, wanted
        )
        _check_fit(model, tokenizer, found.folder)
        normalise = authors_normalisation(read_preprocessing(found.folder), CLIP_MEAN, CLIP_STD)
        return cls(model, tokenizer, normalise, found).eval()

    @torch.no_grad()
    def caption(
        self, images: Float[Tensor, "b 3 h w"], prompt: str = "", beams: int = 1, longest: int = 30
    ) -> tuple[str, ...]:
        """Returns a caption for each image, without the prompt that it continues; "" where the network writes nothing.

        Args:
            prompt: how the sentence begins, the same for all images; ViLaDiff uses "A photo of" and "A photo
                contains"; see `captions.fill_empty_captions` for empty captions.
            beams: width of the beam search; 1 takes the most probable word each time.
            longest: most tokens behind the prompt.

        Raises:
            ValueError: `beams` or `longest` is less than one.
        """
        if beams < 1 or longest < 1:
            raise ValueError(f"expected at least one beam and one token, got {beams} and {longest}")
        pixels = self.normalise(resize_antialiased(images, (self.side, self.side), "bicubic").clamp(0, 1))
        ids = torch.tensor([self._ids(prompt)] * len(images), device=images.device)
        model: Any = self.model
        with quiet_libraries():
            written = model.generate(
                pixel_values=pixels.to(self._dtype),
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                num_beams=beams,
                max_new_tokens=longest,
                do_sample=False,
            )
        texts = self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return tuple(strip_prompt(text, prompt) for text in texts)

    def identity(self) -> str:
        """Returns an identifier of the exact weights, for the address of a column; see `ModelFiles.identity`."""
        return self.found.identity()

    @property
    def _dtype(self) -> torch.dtype:
        """Dtype of the image encoder; BLIP-2 keeps other parts in single precision."""
        return next(part for part in self.model.modules() if isinstance(part, nn.Conv2d)).weight.dtype

    def _ids(self, prompt: str) -> list[int]:
        """Returns the prompt's tokens as each kind expects them, for BLIP-2 behind the tokens of the image."""
        ids: list[int] = self.tokenizer(prompt)["input_ids"]
        kind = self.found.description["model_type"]
        config: Any = self.model.config
        if kind == "blip-2":
            return [config.image_token_id] * config.num_query_tokens + ids
        return ids if kind == "blip" else ids[:-1]  # GIT would take the token that ends a sentence for its end


def _check_fit(model: Any, tokenizer: Any, folder: Path) -> None:
    embeddings: int = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > embeddings:
        raise ValueError(f"the tokenizer knows {len(tokenizer)} tokens, the text network only {embeddings}; "
                         f"take both from the same model: {folder} mixes two")  # fmt: skip
    if model.config.model_type == "blip-2" and model.config.image_token_id is None:
        raise ValueError(f"{folder}/config.json has no image_token_index; take a newer revision of the model")
