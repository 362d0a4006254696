"""Columns of captions and of their tokens, computed once for each image (Sec. 3.2).

Axes: h rows, w columns, l tokens, t their channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seglet.data.columns.caption_files import CAPTION_FILE_SUFFIXES, CaptionFile, read_captions
from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn
from seglet.data.dataset import Sample
from seglet.data.errors import DataError
from seglet.data.world.dataset import WORLD_SPLITS
from seglet.data.world.scene import draw_scene
from seglet.methods.viladiff.config import Config, Precision
from seglet.models.foundation import captioner, text_encoder
from seglet.models.foundation.captions import fill_empty_captions
from seglet.models.foundation.hub import find_model
from seglet.models.foundation.text_encoder import SentenceEncoder
from seglet.models.foundation.text_tower import TextTower
from seglet.tensors import resize_antialiased

CAPTIONS_COLUMN, TOKENS_COLUMN = "captions", "caption-tokens"


@dataclass(frozen=True)
class GeneratedCaptions(ColumnProducer):
    """Producer of captions by a captioning network: one per prompt, without the prompt, empty if it adds nothing."""

    source: str
    prompts: tuple[str, ...]
    longest: int
    precision: Precision
    beams: int = 1
    name: str = CAPTIONS_COLUMN
    kind: ColumnKind = "text"
    maker: str = "captioner/1"

    def identity(self) -> str:
        return self._identity

    @cached_property
    def _identity(self) -> str:
        return find_model(self.source, "captioner", captioner.CAPTIONER_LAYOUT).identity()

    def settings(self) -> Mapping[str, Any]:
        settings = {"prompts": list(self.prompts), "longest": self.longest, "precision": self.precision}
        return settings | ({"beams": self.beams} if self.beams > 1 else {})  # older columns have no such setting

    def load(self, device: torch.device) -> ComputeColumn:
        network = captioner.Captioner.load(self.source, dtype=self.precision).to(device)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            side = (network.side, network.side)
            images = torch.cat([resize_antialiased(_image(sample, device), side, "bicubic") for sample in samples])
            images = images.clamp(0, 1)
            by_prompt = [network.caption(images, prompt, self.beams, self.longest) for prompt in self.prompts]
            return list(zip(*by_prompt, strict=True))

        return compute


def _image(sample: Sample, device: torch.device) -> Tensor:
    return torch.from_numpy(sample.image).to(device).permute(2, 0, 1)[None].float() / 255


@dataclass(frozen=True)
class FileCaptions(ColumnProducer):
    """Producer of captions from a file of the user, found by image name.

    With `empty` an image that the file does not name has an empty caption, otherwise it is an error.
    """

    path: Path
    empty: bool = False
    name: str = CAPTIONS_COLUMN
    kind: ColumnKind = "text"
    maker: str = "caption-file/1"

    @cached_property
    def _file(self) -> CaptionFile:
        return read_captions(self.path)

    def identity(self) -> str:
        return self._file.digest

    def settings(self) -> Mapping[str, Any]:
        return {"missing": "empty"} if self.empty else {}

    def load(self, device: torch.device) -> ComputeColumn:
        missing = ("",) if self.empty else None
        return lambda samples: [self._file.of(sample.id, missing) for sample in samples]


@dataclass(frozen=True)
class WorldCaptions(ColumnProducer):
    """Producer of the captions that come with the scenes of the embedded world."""

    name: str = CAPTIONS_COLUMN
    kind: ColumnKind = "text"
    maker: str = "world/1"

    def identity(self) -> str:
        return ""

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        return lambda samples: [(_scene_caption(sample),) for sample in samples]


def _scene_caption(sample: Sample) -> str:
    """Returns the caption of a scene of the embedded world.

    Raises:
        DataError: the sample is no scene of the embedded world.
    """
    split, _, place = sample.id.rpartition("-")
    if split in WORLD_SPLITS and place.isdigit():
        rendered = draw_scene((WORLD_SPLITS[split] << 40) + int(place), sample.image.shape[0])
        if any(np.array_equal(image, sample.image) for image in (rendered.image, rendered.dark)):
            return rendered.caption
    raise DataError(
        f"{sample.id!r} is no scene of the embedded world with its default options, and only those have known "
        "captions; set captions to a captioner or to a file of your own"
    )


@dataclass(frozen=True)
class CaptionTokens(ColumnProducer):
    """Producer of a text encoder's token features of an image's captions, in turn, start and end tokens included.

    With `pooled` each caption gives one vector instead. An empty caption is replaced by another one of the same image,
    or by the `neutral` sentence if all are empty.
    """

    source: str
    neutral: str
    pooled: bool
    name: str = TOKENS_COLUMN
    kind: ColumnKind = "sequence"
    maker: str = "clip-text/1"  # of all encoders: columns of before there were others stay valid
    sources: ClassVar[tuple[str, ...]] = (CAPTIONS_COLUMN,)

    def identity(self) -> str:
        return self._identity

    @cached_property
    def _identity(self) -> str:
        return find_model(self.source, "text", text_encoder.TEXT_LAYOUT).identity()

    def settings(self) -> Mapping[str, Any]:
        return {"neutral": self.neutral, "pooled": self.pooled}

    def load(self, device: torch.device) -> ComputeColumn:
        tower = text_encoder.load_text_encoder(self.source).to(device)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            captions = [fill_empty_captions(sample.texts[CAPTIONS_COLUMN], self.neutral) for sample in samples]
            rows = iter(self._rows(tower, [text for texts in captions for text in texts]))
            return [np.concatenate([next(rows) for _ in texts]) for texts in captions]

        return compute

    def _rows(self, tower: TextTower | SentenceEncoder, texts: Sequence[str]) -> list[np.ndarray]:
        if self.pooled:
            return [vector[None].half().cpu().numpy() for vector in tower.embed(texts)]
        tokens = tower.tokens(texts)
        pairs = zip(tokens.states, tokens.valid, strict=True)
        return [states[valid].half().cpu().numpy() for states, valid in pairs]


def caption_producers(config: Config) -> list[ColumnProducer]:
    """Returns the producers of captions and of their tokens, or none if `captions` is none."""
    if config.captions is None:
        return []
    writer: ColumnProducer
    if config.captions == "world":
        writer = WorldCaptions()
    elif Path(config.captions).suffix.lower() in CAPTION_FILE_SUFFIXES:
        writer = FileCaptions(Path(config.captions), config.captions_missing == "neutral")
    else:
        writer = GeneratedCaptions(
            config.captions,
            config.caption_prompts,
            config.caption_length,
            config.caption_precision,
            config.caption_beams,
        )
    return [writer, CaptionTokens(config.text, config.caption_neutral, config.text_pooled)]
