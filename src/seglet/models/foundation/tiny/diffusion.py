"""A miniature of Stable Diffusion: diffusers' VAE, UNet, scheduler and pipeline around the tiny CLIP's text encoder.

Axes: b images, n tokens, c channels, h rows, w columns; latents have a quarter of the pixels each way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.tiny.clip import TinyCLIP, half_precision_copy

_VAE_CHANNELS = (16, 32, 64)
_UNET_CHANNELS = (48, 96)
_UNET_HEADS = (2, 4)
_LATENT, _GROUPS, _SIDE = 4, 16, 16
TRAINING_TIMESTEPS = 1000


class TinyVAE(nn.Module):
    """diffusers' AutoencoderKL in `vae`, without attention, so that it treats images of all sizes alike."""

    def __init__(self) -> None:
        super().__init__()
        levels = len(_VAE_CHANNELS)
        with quiet_libraries():
            from diffusers import AutoencoderKL

            self.vae: Any = AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * levels,
                up_block_types=("UpDecoderBlock2D",) * levels,
                block_out_channels=_VAE_CHANNELS,
                layers_per_block=1,
                latent_channels=_LATENT,
                norm_num_groups=8,
                sample_size=4 * _SIDE,
                mid_block_add_attention=False,
            )

    def scale_by(self, factor: float) -> None:
        """Sets the factor that the pipeline multiplies latents by."""
        self.vae.register_to_config(scaling_factor=factor)

    def encode(self, images: Float[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
        """Returns mean and logarithm of the variance of the latents of images in [0, 1], not scaled."""
        out = self.vae.encode(images * 2 - 1).latent_dist
        return out.mean, out.logvar

    def decode(self, latents: Float[Tensor, "b c y x"]) -> Float[Tensor, "b 3 h w"]:
        """Decodes latents that are not scaled to images in about [0, 1]."""
        out: Tensor = self.vae.decode(latents).sample
        return (out + 1) / 2


class TinyUNet(nn.Module):
    """diffusers' UNet2DConditionModel in `unet`; its decoder attends at both resolutions."""

    def __init__(self, text_width: int) -> None:
        super().__init__()
        with quiet_libraries():
            from diffusers import UNet2DConditionModel
            from diffusers.models.attention_processor import AttnProcessor

            self.unet: Any = UNet2DConditionModel(
                sample_size=_SIDE,
                in_channels=_LATENT,
                out_channels=_LATENT,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                up_block_types=("CrossAttnUpBlock2D",) * 2,
                block_out_channels=_UNET_CHANNELS,
                layers_per_block=1,
                norm_num_groups=_GROUPS,
                cross_attention_dim=text_width,
                attention_head_dim=_UNET_HEADS,  # diffusers takes it for the number of heads
                use_linear_projection=True,
            )
            self.unet.set_attn_processor(AttnProcessor())  # faster here than torch's fused attention, in bf16

    def forward(
        self, latents: Float[Tensor, "b c y x"], times: Integer[Tensor, " b"], states: Float[Tensor, "b n d"]
    ) -> Float[Tensor, "b c y x"]:
        """Predicts the velocity at the given timesteps, conditioned on the token states of a text."""
        out: Tensor = self.unet(latents, times, states).sample
        return out


def build_scheduler() -> Any:
    """Builds diffusers' DDIM scheduler, which predicts velocities and leaves no signal at the last timestep.

    Source: Lin et al., Common diffusion noise schedules and sample steps are flawed, WACV 2024.
    """
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=TRAINING_TIMESTEPS,
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


def build_pipeline(vae: TinyVAE, unet: TinyUNet, text: TinyCLIP) -> Any:
    """Builds diffusers' StableDiffusionPipeline of these parts."""
    with quiet_libraries():
        from diffusers import StableDiffusionPipeline

        built = StableDiffusionPipeline(
            vae=vae.vae,
            unet=unet.unet,
            text_encoder=text.clip.text_model,
            tokenizer=text.tokenizer,
            scheduler=build_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    built.set_progress_bar_config(disable=True)
    return built


def save_pipeline(built: Any, folder: Path) -> None:
    """Saves the pipeline in half precision, as diffusers reads it."""
    parts = {
        name: half_precision_copy(part) if isinstance(part, nn.Module) else part
        for name, part in built.components.items()
    }
    with quiet_libraries():
        type(built)(**parts, requires_safety_checker=False).save_pretrained(folder)


@torch.inference_mode()
def generate_images(
    built: Any, prompts: Sequence[str], steps: int = 25, guidance: float = 4.0, seed: int = 0
) -> Float[Tensor, "b 3 h w"]:
    """Generates an image in [0, 1] for each prompt."""
    draws = torch.Generator().manual_seed(seed)
    with quiet_libraries():
        out: Tensor = built(
            list(prompts), num_inference_steps=steps, guidance_scale=guidance, generator=draws, output_type="pt"
        ).images
    return out


def signal_shares() -> Float[Tensor, " t"]:
    """Returns the share of signal in the variance at each timestep of the scheduler; 0 at the last."""
    left: Tensor = build_scheduler().alphas_cumprod
    return left
