"""Stable Diffusion from the hub or a folder: its networks, scheduler and latents.

Axes: b images, z channels of a latent, h and w its rows and columns.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles, find_model
from seglet.models.foundation.image_input import round_to_multiple
from seglet.models.foundation.loading import check_finite, import_library, load_network, parse_dtype, quiet_libraries
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.foundation.text_tower import TextTower
from seglet.models.foundation.tokenizer import check_tokenizer, open_tokenizer
from seglet.tensors import resize_antialiased

_STEM = "diffusion_pytorch_model"
_SELF_ATTENTION = (
    "its transformer lets patches and words attend to each other in one sequence, so there are no self-attentions of a "
    "decoder to put into CLIP"
)
_INSTEAD = "; take sd-2.1-base, sd-1.5 or sd-1.4"
STABLE_DIFFUSION_LAYOUT = ModelLayout(
    "a Stable Diffusion",
    "model_index.json",
    ("StableDiffusionPipeline",),
    (f"unet/{_STEM}", f"vae/{_STEM}", "text_encoder/model"),
    ("unet/config.json", "vae/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json",
     "tokenizer/tokenizer_config.json"),
    refused=(
        ("StableDiffusionXL", "it is conditioned on two text encoders and on the size and the crop of images, none of "
         f"which is read here{_INSTEAD}"),
        ("StableDiffusion3", f"{_SELF_ATTENTION}{_INSTEAD}"),
        ("Flux", f"{_SELF_ATTENTION}{_INSTEAD}"),
        ("PixArt", f"it has no UNet, whose decoder's attention is read here{_INSTEAD}"),
        ("StableCascade", f"it has no UNet on latents of places, whose decoder's attention is read here{_INSTEAD}"),
        ("StableDiffusionInpaint", f"its UNet also takes a mask and a masked image{_INSTEAD}"),
    ),
)  # fmt: skip
_PREDICTIONS = ("epsilon", "v_prediction", "sample")


class StableDiffusion(nn.Module):
    """The networks of a diffusers pipeline, frozen, with its scheduler.

    The scheduler knows whether the UNet predicts noise or velocity.
    """

    def __init__(self, vae: nn.Module, unet: nn.Module, text: TextTower, scheduler: Any, found: ModelFiles) -> None:
        super().__init__()
        self.vae = vae
        self.unet = unet
        self.text = text
        self.scheduler = scheduler
        self.found = found
        unet_config: Any = unet.config
        vae_config: Any = vae.config
        self.stride: int = 2 ** (len(vae_config.block_out_channels) - 1)
        """Side in pixels of one position of a latent."""
        self.multiple: int = self.stride * 2 ** (len(unet_config.block_out_channels) - 1)
        """Number that the sides of images must be multiples of."""
        side = unet_config.sample_size
        down, across = (side, side) if isinstance(side, int) else side
        self.native: tuple[int, int] = (down * self.stride, across * self.stride)
        """Height and width of the images that it was trained on."""

    @classmethod
    def load(
        cls,
        source: str | Path = "sd-2.1-base",
        revision: str | None = None,
        dtype: str | torch.dtype = "float32",
        offline: bool = False,
    ) -> "StableDiffusion":
        """Loads Stable Diffusion from a folder, a hub id, or a short name of `KNOWN_MODELS`; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no Stable Diffusion, or its parts do not fit.
        """
        wanted = parse_dtype(dtype)  # before anything is downloaded
        found = find_model(source, "diffusion", STABLE_DIFFUSION_LAYOUT, revision, offline)
        transformers, diffusers = import_library("transformers"), import_library("diffusers")
        tokenizer = open_tokenizer(found.folder / "tokenizer")
        encoder = load_network(transformers.CLIPTextModel, found.folder / "text_encoder", wanted)
        check_tokenizer(tokenizer, encoder.config, found.folder)
        unet = load_network(diffusers.UNet2DConditionModel, found.folder / "unet", wanted)
        vae = load_network(diffusers.AutoencoderKL, found.folder / "vae", wanted)
        scheduler = _scheduler(diffusers, found)
        _check_parts(unet, vae, encoder, found.folder)
        return cls(vae, unet, TextTower(encoder, tokenizer), scheduler, found).eval()

    def identity(self) -> str:
        """Returns an identifier of the exact weights, for the address of a column; see `ModelFiles.identity`."""
        return self.found.identity()

    def working_size(self, wanted: tuple[int, int] | None) -> tuple[int, int]:
        """Returns the nearest height and width that it can work at; its native ones if none are wanted."""
        return round_to_multiple(wanted or self.native, self.multiple)

    def latents(self, images: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b z h w"]:
        """Encodes images as the VAE's mean latents, scaled as the UNet expects; sides must be multiples of `multiple`.

        Raises:
            ValueError: the code is not finite: half precision was too coarse.
        """
        vae: Any = self.vae
        dtype = next(vae.parameters()).dtype
        code = vae.encode((2 * images - 1).to(dtype)).latent_dist.mode() * vae.config.scaling_factor
        check_finite(code, "the VAE's code of these images", vae)
        return torch.as_tensor(code)

    def resize_images(
        self, images: Float[Tensor, "b 3 y x"], size: tuple[int, int] | None
    ) -> Float[Tensor, "b 3 y2 x2"]:
        """Resizes images to `working_size(size)` without keeping proportions: places stay the same fractions."""
        return resize_antialiased(images, self.working_size(size))


def _scheduler(diffusers: Any, found: ModelFiles) -> Any:
    """Loads the scheduler that the pipeline names.

    Raises:
        ValueError: there is no scheduler of this name, or the UNet predicts what it does not know.
    """
    name = found.description.get("scheduler", ["", "?"])[1]
    kind = getattr(diffusers, str(name), None)
    if kind is None:
        raise ValueError(f"{found.folder} names a scheduler {name} that diffusers does not have; "
                         "update diffusers, or name another one in model_index.json")  # fmt: skip
    with quiet_libraries():
        scheduler = kind.from_pretrained(found.folder / "scheduler", local_files_only=True)
    if scheduler.config.prediction_type not in _PREDICTIONS:
        raise ValueError(f"{found.folder}/scheduler has prediction_type {scheduler.config.prediction_type!r}, "
                         f"expected one of {', '.join(_PREDICTIONS)}")  # fmt: skip
    return scheduler


def _check_parts(unet: Any, vae: Any, encoder: Any, folder: Path) -> None:
    texts, latents = encoder.config.hidden_size, vae.config.latent_channels
    if unet.config.cross_attention_dim != texts:
        raise ValueError(f"the UNet in {folder} reads texts of width {unet.config.cross_attention_dim}, its text "
                         f"encoder writes {texts}; take all parts from one model")  # fmt: skip
    if unet.config.in_channels != latents:
        raise ValueError(f"the UNet in {folder} takes {unet.config.in_channels} channels, its VAE codes {latents}; "
                         "take all parts from one model, and one that draws from text alone")  # fmt: skip
