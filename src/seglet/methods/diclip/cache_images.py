"""Images that show one class each, to remember it by: drawn by Stable Diffusion, or the user's own.

Axes: b images, h rows, w columns.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seglet.data.dataset import Dataset, Sample
from seglet.data.prompts.class_prompts import PLACEHOLDER, readable_name
from seglet.files import replacing
from seglet.images import read_image
from seglet.methods.diclip.weights import weights
from seglet.models.foundation.image_generator import GenerationRecipe, ImageGenerator
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.types import option

PROMPT = (
    "a realistic photograph of a fully visible, entire {} with natural colors, centered in the image, with a clear and "
    "distinct background, high color contrast, and the {} not occupying the entire frame, ensuring it is completely "
    "visible without cropping."
)
"""DiCLIP, Sec. IV-A."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class ImagesConfig:
    """Which images a class is remembered by."""

    cache_from: Literal["generated", "real", "none"] = option(
        "generated", "what a class is remembered by: images drawn for it, those of the training split that are "
        "tagged with it alone (Table XIII), or nothing"
    )  # fmt: skip
    cache_images: int = option(50, "images of each class; Table XIV")
    cache_classes: float = option(1.0, "share of the classes, from the first on, that are remembered; Table XV")
    generator: str = option("sd-2.1-base", "the Stable Diffusion that draws: name, hub id or folder")
    generator_dtype: str = option("float32", "float32, or float16 and bfloat16 on a GPU")
    generator_prompt: str = option(PROMPT, "what is asked for, {} being the class; Sec. IV-A")
    generator_negative: str = option("", "what is not to be shown")
    generator_steps: int = option(30, "denoising steps; the text lost the number, 35 minutes fit 20 to 30")
    generator_guidance: float = option(7.5, "strength of the prompt; the text lost it, diffusers takes 7.5")
    generator_size: int | None = option(None, "side of the drawn images; none: as the model was trained")
    generator_batch: int = option(4, "images drawn at once")
    generator_seed: int = option(0, "of the images")

    def __post_init__(self) -> None:
        for name in ("cache_images", "generator_steps", "generator_batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 < self.cache_classes <= 1:
            raise ValueError(f"cache_classes: expected above 0 and at most 1, got {self.cache_classes}")
        if PLACEHOLDER not in self.generator_prompt:
            raise ValueError(
                f"generator_prompt: {self.generator_prompt!r} needs a {PLACEHOLDER}, where the class's name goes"
            )

    @property
    def recipe(self) -> GenerationRecipe:
        side = None if self.generator_size is None else (self.generator_size, self.generator_size)
        return GenerationRecipe(self.generator_steps, self.generator_guidance, self.generator_negative, side)

    def drawing(self) -> dict[str, Any]:
        """All that decides the drawn images, but for the name of the class and the number of the image."""
        names = ("dtype", "prompt", "negative", "steps", "guidance", "size", "seed")
        return {
            "weights": weights(self.generator, "diffusion"),
            **{name: getattr(self, f"generator_{name}") for name in names},
        }


def drawn(
    config: ImagesConfig, names: tuple[str, ...], root: Path, device: torch.device, note: Note
) -> list[list[Path]]:
    """Files of the images of each class, those that are not there yet being drawn now; ended, it goes on there.

    Raises:
        ValueError: there is no such model, or an image is not finite.
    """
    told = json.dumps(config.drawing(), sort_keys=True)
    folder = root / f"generated-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    files = [[folder / _folder(name) / f"{i:04d}.png" for i in range(config.cache_images)] for name in names]
    due = [
        (config.generator_prompt.replace(PLACEHOLDER, readable_name(name)), config.generator_seed + i, file)
        for name, of_class in zip(names, files, strict=True)
        for i, file in enumerate(of_class)
        if not file.is_file()
    ]
    if due:
        note(f"draws {len(due)} images into {folder}; look at them")
        _draw(config, due, device, note)
    return files


def _folder(name: str) -> str:
    """Of a class; as names may hold anything, what tells them apart is added."""
    plain = "".join(letter if letter.isalnum() else "-" for letter in name)
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _draw(config: ImagesConfig, due: list[tuple[str, int, Path]], device: torch.device, note: Note) -> None:
    model = StableDiffusion.load(config.generator, dtype=config.generator_dtype).to(device)
    for text in dict.fromkeys(prompt for prompt, _, _ in due):
        reading = model.text.tokenize([text])[0]
        if reading.truncated:
            note(f"the generator reads only the beginning of {text!r}; shorten generator_prompt")
    generator = ImageGenerator(model)
    for begin in range(0, len(due), config.generator_batch):
        part = due[begin : begin + config.generator_batch]
        images = generator.generate([prompt for prompt, _, _ in part], [seed for _, seed, _ in part], config.recipe)
        for image, (_, _, file) in zip(images, part, strict=True):
            array = image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
            with replacing(file) as temporary:
                Image.fromarray(array).save(temporary, format="PNG")


def opened(files: list[Path]) -> Iterator[Float[Tensor, "1 3 h w"]]:
    return (as_tensor(read_image(file)) for file in files)


def single(data: Dataset, label: int, most: int) -> Iterator[Sample]:
    """The first images that are tagged with one class alone."""
    found = 0
    for index in range(len(data)):
        sample = data.read(index)
        if sample.tags == (label,) and found < most:
            found += 1
            yield sample
        if found == most:
            return


def as_tensor(image: np.ndarray) -> Float[Tensor, "1 3 h w"]:
    """In [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float() / 255
