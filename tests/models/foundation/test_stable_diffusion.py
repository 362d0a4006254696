import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.foundation.makers import rewrite

from seglet.models.foundation.hub import find_model
from seglet.models.foundation.image_generator import GenerationRecipe, ImageGenerator
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.stable_diffusion import STABLE_DIFFUSION_LAYOUT, StableDiffusion

SEEDS = (3, 4)
PROMPTS = ("a photo of a dog", "a red cat")


def velocity(diffusion_folder: Path, folder: Path) -> StableDiffusion:
    """The same networks taken to predict velocity."""
    shutil.copytree(diffusion_folder, folder)
    rewrite(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    return StableDiffusion.load(folder)


@pytest.fixture
def folder(diffusion_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(diffusion_folder, tmp_path / "diffusion")


def test_latents_are_the_mean_code_scaled(diffusion: StableDiffusion) -> None:
    images = torch.rand(2, 3, 32, 32)
    vae: Any = diffusion.vae
    mean, _ = vae.quant_conv(vae.encoder(2 * images - 1)).chunk(2, dim=1)
    assert torch.allclose(diffusion.latents(images), 0.18215 * mean, atol=1e-5)


def test_images_are_resized_to_what_the_networks_can_halve(diffusion: StableDiffusion) -> None:
    assert diffusion.native == (32, 32)
    assert diffusion.working_size(None) == (32, 32)
    assert diffusion.working_size((31, 1)) == (32, 4)
    assert diffusion.resize_images(torch.rand(1, 3, 50, 41), (24, 40)).shape == (1, 3, 24, 40)


@pytest.mark.parametrize("predicts", ["noise", "velocity"])
def test_one_step_draws_the_image_of_the_prediction(
    diffusion: StableDiffusion, diffusion_folder: Path, tmp_path: Path, predicts: str
) -> None:
    model = diffusion if predicts == "noise" else velocity(diffusion_folder, tmp_path / "v")
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(3))
    model.scheduler.set_timesteps(1)
    step = int(model.scheduler.timesteps[0])
    share = float(model.scheduler.alphas_cumprod[step])
    unet, vae = (net for net in (model.unet, model.vae))
    said = unet(noise, step, encoder_hidden_states=model.text.tokens(PROMPTS[:1], padded=True).states).sample
    signal, spread = share**0.5, (1 - share) ** 0.5
    clean = (noise - spread * said) / signal if predicts == "noise" else signal * noise - spread * said
    by_hand = vae.decode(clean / 0.18215).sample / 2 + 0.5  # type: ignore[operator]
    drawn = ImageGenerator(model).generate(PROMPTS[:1], SEEDS[:1], GenerationRecipe(steps=1, guidance=1))
    assert torch.allclose(drawn, by_hand.clamp(0, 1), atol=1e-4)


def test_images_are_those_of_diffusers_own_pipeline(diffusion: StableDiffusion, diffusion_folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    with quiet_libraries():
        pipeline = StableDiffusionPipeline.from_pretrained(diffusion_folder, local_files_only=True)
        generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
        theirs = pipeline(list(PROMPTS), negative_prompt=["the sky"] * 2, num_inference_steps=3, guidance_scale=5.0,
                          generator=generators, output_type="pt").images  # fmt: skip
    mine = ImageGenerator(diffusion).generate(PROMPTS, SEEDS, GenerationRecipe(3, 5.0, "the sky"))
    assert torch.allclose(mine, theirs, atol=1e-5)


def test_a_image_does_not_depend_on_its_neighbours(diffusion: StableDiffusion) -> None:
    draw = ImageGenerator(diffusion).generate
    alone = draw(PROMPTS[1:], SEEDS[1:], GenerationRecipe(3))
    assert torch.allclose(draw(PROMPTS, SEEDS, GenerationRecipe(3))[1:], alone, atol=1e-4)
    assert torch.equal(
        draw(["a bird", PROMPTS[1]], [9, SEEDS[1]], GenerationRecipe(3))[1],
        draw(PROMPTS, SEEDS, GenerationRecipe(3))[1],
    )


def test_seed_prompt_and_negative_prompt_matter(diffusion: StableDiffusion) -> None:
    draw, plain = ImageGenerator(diffusion).generate, GenerationRecipe(2)
    first = draw(["a dog"], [1], plain)
    assert not torch.equal(draw(["a dog"], [2], plain), first)
    assert not torch.equal(draw(["a cat"], [1], plain), first)
    assert not torch.equal(draw(["a dog"], [1], GenerationRecipe(2, negative="a cat")), first)
    assert torch.equal(draw(["a dog"], [1], plain), first)


def test_a_image_has_the_size_of_the_recipe(diffusion: StableDiffusion) -> None:
    drawn = ImageGenerator(diffusion).generate(["a dog"], [0], GenerationRecipe(1, size=(24, 40)))
    assert drawn.shape == (1, 3, 24, 40)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_prompts_and_seeds_come_in_pairs(diffusion: StableDiffusion) -> None:
    for prompts, seeds in (([], []), (["a dog"], []), (["a dog"], [1, 2])):
        with pytest.raises(ValueError, match="expected a seed for each prompt"):
            ImageGenerator(diffusion).generate(prompts, seeds)
    with pytest.raises(ValueError, match="at least one denoising step, got 0"):
        GenerationRecipe(steps=0)


def test_diffusion_texts_have_no_space_in_common_with_images(diffusion: StableDiffusion) -> None:
    with pytest.raises(ValueError, match="no space in common with images"):
        diffusion.text.embed(["a dog"])


def test_half_precision_draws_too(diffusion_folder: Path) -> None:
    half = StableDiffusion.load(diffusion_folder, dtype="bfloat16")
    drawn = ImageGenerator(half).generate(["a dog"], [0], GenerationRecipe(2))
    assert drawn.dtype == torch.float32
    assert drawn.isfinite().all()


def test_identity_covers_every_part(diffusion: StableDiffusion, folder: Path) -> None:
    assert find_model(folder, "diffusion", STABLE_DIFFUSION_LAYOUT).identity() == diffusion.identity()
    rewrite(folder / "scheduler" / "scheduler_config.json", beta_end=0.02)
    assert find_model(folder, "diffusion", STABLE_DIFFUSION_LAYOUT).identity() != diffusion.identity()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("unet/diffusion_pytorch_model.safetensors", r"unet lacks 1 of 1 weight files.*half a download\?"),
        ("text_encoder/model.safetensors", r"text_encoder lacks 1 of 1 weight files"),
        ("vae/config.json", r"lacks vae/config.json: half a download\?"),
        ("scheduler/scheduler_config.json", "lacks scheduler/scheduler_config.json"),
        ("tokenizer/tokenizer.json", r"tokenizer has no tokenizer .*half a download\?"),
        ("model_index.json", r"is not a Stable Diffusion: it has no model_index.json"),
    ],
)
def test_a_part_that_is_missing_is_named(folder: Path, file: str, message: str) -> None:
    (folder / file).unlink()
    with pytest.raises(ValueError, match=message):
        StableDiffusion.load(folder)


def test_an_interrupted_copy_of_a_part_is_never_read(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"unet/diffusion_pytorch_model.safetensors is \d+ bytes long where"):
        StableDiffusion.load(folder)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("unet/config.json", {"layers_per_block": 2}, r"unet.*(are missing or|does not load)"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "prediction_type 'flow', expected one of eps"),
        ("model_index.json", {"scheduler": ["diffusers", "NoSuchScheduler"]}, "a scheduler NoSuchScheduler that diff"),
        (
            "model_index.json",
            {"_class_name": "FluxPipeline"},
            "holds a FluxPipeline: its transformer lets patches and words",
        ),
    ],
)
def test_parts_that_do_not_fit_say_so(folder: Path, file: str, changes: dict[str, Any], message: str) -> None:
    rewrite(folder / file, **changes)
    with pytest.raises(ValueError, match=message):
        StableDiffusion.load(folder)


def test_a_clip_is_no_stable_diffusion(clip_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"it has no model_index\.json; it is a transformers model of type clip"):
        StableDiffusion.load(clip_folder)
