"""What CLIP, with the attention lent to it, knows of images and of words: nothing here is trained.

Axes: b images, n patches, d channels of the space of images and texts, k classes without background, m words.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.data.prompts.read import prompts_for
from seglet.methods.diclip.attention import ATTENTION, REGIONS, DiffusionAttention, Size, stored_attention
from seglet.methods.diclip.config import Config
from seglet.methods.diclip.vce import control, enhanced, refined, word_maps
from seglet.models.distillation.teachers import Frozen
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.foundation.text_tower import TextTower
from seglet.types import Classes, Movable, Tagged


@dataclass(frozen=True)
class Words(Movable):
    """Embeddings of the classes and of what is around them, and what is to be said of how they are read."""

    classes: Float[Tensor, "k d"]
    around: Float[Tensor, "m d"]
    remarks: tuple[str, ...] = ()


@torch.no_grad()
def read_words(text: TextTower, classes: Classes, prompts: str) -> Words:
    """
    Raises:
        ValueError: CLIP knows no word of a class.
    """
    chosen = prompts_for(classes, prompts)
    names = classes.foreground.values()
    texts = [chosen.texts(name) for name in names]
    remarks = []
    for name in names:
        phrases = chosen.phrases[name]
        readings = text.tokenize(phrases)
        if all(reading.empty or len(reading.unknown) == len(reading.pieces) for reading in readings):
            raise ValueError(f"CLIP knows no word of {name!r}, read as {phrases[0]!r}; give other words with `prompts`")
        broken = dict.fromkeys(word for reading in readings for word in (*reading.broken, *reading.unknown))
        if broken:
            remarks.append(f"CLIP reads {', '.join(broken)} of class {name!r} in pieces; other words may serve better")
    for reading in text.tokenize([one for group in texts for one in group]):
        if reading.truncated:
            remarks.append(f"CLIP reads only the first {reading.limit} tokens of {reading.text!r}; shorten it")
    behind = chosen.background_texts()
    embedded = text.embed_classes(texts)
    around = text.embed_classes(behind) if behind else embedded[:0]
    return Words(embedded, around, tuple(remarks))


@dataclass(frozen=True)
class View(Movable):
    """What is known of some images: their patches, maps of the classes from words, and the grid of both."""

    patches: Float[Tensor, "b n d"]
    cam: Float[Tensor, "b k n"]
    grid: Size


class Knowledge(nn.Module):
    """Visual correlation enhancement (Sec. III-C) with all it needs; holds CLIP's tower, but does not own it."""

    words: Tensor
    around: Tensor

    def __init__(self, config: Config, words: Words) -> None:
        super().__init__()
        self.config = config
        self.remarks = words.remarks
        self.register_buffer("words", words.classes, persistent=False)
        self.register_buffer("around", words.around, persistent=False)
        self.diffusion: Frozen[DiffusionAttention] | None = None
        if config.attention == "diffusion" and config.attention_loop:
            self.open_diffusion()

    def open_diffusion(self) -> None:
        """Loads the diffusion models, to be run on views and on images without a column."""
        if self.config.attention == "diffusion" and self.diffusion is None:
            self.diffusion = Frozen(DiffusionAttention(self.config).to(self.words.device))

    def of_step(self, tower: ImageTower, step: Tagged) -> View:
        """Of the views of a training step, whose attention may have been computed before."""
        if self.config.attention != "diffusion" or self.config.attention_loop:
            return self.of_images(tower, step.images, step.columns.get(REGIONS))
        grid = tower.grid((step.images.shape[2], step.images.shape[3]))
        return self.view(tower, step.images, stored_attention(step.columns[ATTENTION], step.crop, grid))

    def of_images(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> View:
        """Of any images; `regions` are the true masks, for the control that reads them."""
        return self.view(tower, images, self.attention(tower, images, regions))

    def attention(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], regions: Integer[Tensor, "b _ _"] | None = None
    ) -> Float[Tensor, "b n n"] | None:
        """What is lent to CLIP for these images, raw; None if nothing is."""
        if self.config.attention != "diffusion":
            return control(self.config, tower, images, regions)
        self.open_diffusion()
        grid = tower.grid((images.shape[2], images.shape[3]))
        return None if self.diffusion is None else self.diffusion(images, grid)

    @torch.no_grad()
    def view(
        self, tower: ImageTower, images: Float[Tensor, "b 3 y x"], attention: Float[Tensor, "b n n"] | None
    ) -> View:
        """Of images with this attention lent to CLIP, refined before; with none, of CLIP as it is."""
        fused = attention if attention is None else refined(self.config, attention)
        seen = enhanced(self.config, tower, images, fused)
        cam = word_maps(self.config, seen, self.words, self.around)
        return View(seen.patches.flatten(2).mT.float(), cam, (seen.patches.shape[2], seen.patches.shape[3]))


def open_clip(config: Config) -> ImageTextEncoder:
    return ImageTextEncoder.load(config.clip_model)
