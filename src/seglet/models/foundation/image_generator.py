"""Images generated from text by Stable Diffusion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.loading import check_finite, import_library, quiet_libraries
from seglet.models.foundation.stable_diffusion import StableDiffusion


@dataclass(frozen=True)
class GenerationRecipe:
    """Settings that images are generated with.

    Args:
        steps: denoising steps.
        guidance: strength of the prompt; 1 is without guidance.
        negative: prompt of what not to show.
        size: height and width in pixels; None is as the model was trained.
    """

    steps: int = 30
    guidance: float = 7.5
    negative: str = ""
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"expected at least one denoising step, got {self.steps}")


class ImageGenerator(nn.Module):
    """Runs diffusers' own text-to-image pipeline, without its filter of unsafe images: check the results."""

    def __init__(self, model: StableDiffusion) -> None:
        super().__init__()
        self.model = model

    @torch.no_grad()
    def generate(
        self, prompts: Sequence[str], seeds: Sequence[int], recipe: GenerationRecipe | None = None
    ) -> Float[Tensor, "b 3 h w"]:
        """Generates one image for each prompt and seed, in one batch, in [0, 1] and single precision.

        An image depends on its prompt, its seed and the recipe, not on the others of the batch (but for rounding). The
        noise is drawn on the CPU, so that it is the same on every device. Long prompts are cut off; see
        `TextTower.tokenize`.

        Raises:
            ValueError: there is no prompt, there are not as many seeds, or an image is not finite in half precision.
        """
        recipe = recipe or GenerationRecipe()
        if len(prompts) != len(seeds) or not prompts:
            raise ValueError(f"expected a seed for each prompt, got {len(prompts)} prompts and {len(seeds)} seeds")
        height, width = self.model.working_size(recipe.size)
        with quiet_libraries():
            pipeline = self._pipeline()
            drawn = pipeline(
                prompt_embeds=self._states(prompts),
                negative_prompt_embeds=self._states([recipe.negative] * len(prompts)),
                num_inference_steps=recipe.steps,
                guidance_scale=recipe.guidance,
                height=height,
                width=width,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                output_type="pt",
            ).images
        images = torch.as_tensor(drawn).float()
        check_finite(images, "a generated image", self.model.unet)
        return images

    def identity(self) -> str:
        """Returns an identifier of the exact weights; prompts, seeds and settings belong beside it."""
        return self.model.identity()

    def _states(self, texts: Sequence[str]) -> Tensor:
        return self.model.text.tokens(texts, padded=True).states

    def _pipeline(self) -> Any:
        model = self.model
        # A scheduler counts its steps: each call gets one of its own.
        scheduler = type(model.scheduler).from_config(model.scheduler.config)
        pipeline = import_library("diffusers").StableDiffusionPipeline(
            vae=model.vae,
            text_encoder=model.text.model,
            tokenizer=model.text.tokenizer,
            unet=model.unet,
            scheduler=scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline
