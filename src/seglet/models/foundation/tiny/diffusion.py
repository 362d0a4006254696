"""A miniature of Stable Diffusion: diffusers' VAE, UNet, scheduler and pipeline around the tiny CLIP's text encoder.

Axes: b images, n tokens, c channels, h rows, w columns; latents have a quarter of the pixels each way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.models.foundation.loading import quiet
from seglet.models.foundation.tiny.clip import TinyCLIP, half

VAE_CHANNELS = (16, 32, 64)
UNET_CHANNELS = (48, 96)
UNET_HEADS = (2, 4)
LATENT, GROUPS, SIDE = 4, 16, 16
TRAINED_STEPS = 1000


class TinyVAE(nn.Module):
    """diffusers' AutoencoderKL in `vae`, without attention, so that it treats images of all sizes alike."""

    def __init__(self) -> None:
        super().__init__()
        levels = len(VAE_CHANNELS)
        with quiet():
            from diffusers import AutoencoderKL

            self.vae: Any = AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * levels,
                up_block_types=("UpDecoderBlock2D",) * levels,
                block_out_channels=VAE_CHANNELS,
                layers_per_block=1,
                latent_channels=LATENT,
                norm_num_groups=8,
                sample_size=4 * SIDE,
                mid_block_add_attention=False,
            )

    def scale_by(self, factor: float) -> None:
        """Tells the pipeline what to multiply latents by."""
        self.vae.register_to_config(scaling_factor=factor)

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
        """Mean and logarithm of the variance of the latents of images in [0, 1], not scaled."""
        out = self.vae.encode(images * 2 - 1).latent_dist
        return out.mean, out.logvar

    def decode(self, latents: Float[Tensor, "b c y x"]) -> Float[Tensor, "b 3 h w"]:
        """Images about [0, 1] from latents that are not scaled."""
        out: Tensor = self.vae.decode(latents).sample
        return (out + 1) / 2


class TinyUNet(nn.Module):
    """diffusers' UNet2DConditionModel in `unet`; its decoder attends at both resolutions."""

    def __init__(self, text_width: int) -> None:
        super().__init__()
        with quiet():
            from diffusers import UNet2DConditionModel
            from diffusers.models.attention_processor import AttnProcessor

            self.unet: Any = UNet2DConditionModel(
                sample_size=SIDE,
                in_channels=LATENT,
                out_channels=LATENT,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D",) * 2,
                block_out_channels=UNET_CHANNELS,
                layers_per_block=1,
                norm_num_groups=GROUPS,
                cross_attention_dim=text_width,
                attention_head_dim=UNET_HEADS,  # diffusers takes it for the number of heads
                use_linear_projection=True,
            )
            self.unet.set_attn_processor(AttnProcessor())  # faster here than torch's fused attention, in bf16

    def forward(
        self, latents: Float[Tensor, "b c y x"], times: Integer[Tensor, " b"], states: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b c y x"]:
        """The velocity at the given times of the schedule, told the states of a text."""
        out: Tensor = self.unet(latents, times, states).sample
        return out


def schedule() -> Any:
    """diffusers' DDIM scheduler: velocities, no signal left at the last step.

    Source: Lin et al., Common diffusion noise schedules and sample steps are flawed, WACV 2024.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=TRAINED_STEPS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,  # without effect where steps trail, but diffusers warns of 0
    )


def pipeline(vae: TinyVAE, unet: TinyUNet, text: TinyCLIP) -> Any:
    """diffusers' StableDiffusionPipeline of these parts."""
    with quiet():
        from diffusers import StableDiffusionPipeline

        built = StableDiffusionPipeline(
            vae=vae.vae,
            unet=unet.unet,
            text_encoder=text.clip.text_model,
            tokenizer=text.tokenizer,
            scheduler=schedule(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    built.set_progress_bar_config(disable=True)
    return built


def save_pipeline(built: Any, folder: Path) -> None:
    """The pipeline in half precision, as diffusers reads it."""
    parts = {name: half(part) if isinstance(part, nn.Module) else part for name, part in built.components.items()}
    with quiet():
        type(built)(**parts, requires_safety_checker=False).save_pretrained(folder)


@torch.inference_mode()
def generate(
    built: Any, prompts: Sequence[str], steps: int = 25, guidance: float = 4.0, seed: int = 0
) -> Float[Tensor, "b 3 h w"]:
    """An image in [0, 1] for each prompt."""
    draws = torch.Generator().manual_seed(seed)
    with quiet():
        out: Tensor = built(
            list(prompts), num_inference_steps=steps, guidance_scale=guidance, generator=draws, output_type="pt"
        ).images
    return out


def alphas() -> Float[Tensor, " t"]:
    """Share of signal left, in variance, at each time of the schedule; 0 at the last."""
    left: Tensor = schedule().alphas_cumprod
    return left
