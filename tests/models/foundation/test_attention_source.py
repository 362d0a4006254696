from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from seglet.models.foundation.attention_source import AttentionSource, QueriesKeys, decoder_attention_layers, draw_noise
from seglet.models.foundation.stable_diffusion import StableDiffusion

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5))
FINE = "up_blocks.1.attentions.0.transformer_blocks.0.attn1"


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Keeping:
    """An attention processor as diffusers has them, which keeps every head's probabilities."""

    def __init__(self) -> None:
        self.kept: list[torch.Tensor] = []

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        q, k, v = (attn.head_to_batch_dim(part(hidden_states)) for part in (attn.to_q, attn.to_k, attn.to_v))
        weights = attn.get_attention_scores(q, k)
        self.kept.append(weights.unflatten(0, (len(hidden_states), -1)))
        out = attn.batch_to_head_dim(weights @ v)
        return attn.to_out[0](out)  # type: ignore[no-any-return]


@pytest.fixture
def kept(diffusion: StableDiffusion) -> Iterator[Keeping]:
    """Returns the attention that diffusers computes from queries and keys of the finest layer."""
    module: Any = diffusion.unet.get_submodule(FINE)
    own, keeping = module.processor, Keeping()
    module.set_processor(keeping)
    yield keeping
    module.set_processor(own)


def test_attention_is_that_of_diffusers_averaged_over_heads(diffusion: StableDiffusion, kept: Keeping) -> None:
    mine, _ = AttentionSource(diffusion, ["up_blocks.1"]).queries_and_keys(IMAGES, seeded())
    (theirs,) = kept.kept
    assert theirs.shape == (2, 2, 256, 256)
    assert torch.allclose(mine.attention(), theirs.mean(dim=1), atol=1e-6)


def test_the_unet_takes_the_noisy_image_and_the_null_prompt(diffusion: StableDiffusion) -> None:
    source, noise = AttentionSource(diffusion, [FINE], timestep=300), torch.randn(1, 4, 16, 16, generator=seeded())
    unet: Any = diffusion.unet
    seen: list[tuple[Any, Any]] = []
    handle = unet.register_forward_pre_hook(
        lambda module, inputs, named: seen.append((inputs, named)), with_kwargs=True
    )
    source.attention(IMAGES, (4, 4), seeded())
    handle.remove()
    (noisy, step), named = seen[0]
    theirs = diffusion.scheduler.add_noise(
        diffusion.latents(IMAGES), noise.expand(2, -1, -1, -1), torch.tensor([300, 300])
    )
    assert step == 300
    assert torch.allclose(noisy, theirs, atol=1e-5)
    assert torch.equal(named["encoder_hidden_states"][0], diffusion.text.tokens([""], padded=True).states[0])


def test_queries_and_keys_are_resized_bilinearly_to_the_grid(diffusion: StableDiffusion) -> None:
    source = AttentionSource(diffusion, [FINE])
    (whole,) = source.queries_and_keys(IMAGES, seeded())
    small = whole.on_grid((5, 4))
    assert (whole.grid, small.grid) == ((16, 16), (5, 4))
    square = whole.keys.mT.reshape(2, 8, 16, 16)
    assert torch.allclose(small.keys.mT.reshape(2, 8, 5, 4), F.interpolate(square, (5, 4), mode="bilinear"), atol=1e-6)
    assert (small.layer, small.heads, small.scale) == (FINE, 2, pytest.approx(4**-0.5))


def test_layers_of_different_heads_have_equal_weight(diffusion: StableDiffusion) -> None:
    every = AttentionSource(diffusion)
    assert every.layers == decoder_attention_layers(diffusion.unet)
    single = [AttentionSource(diffusion, [layer]).attention(IMAGES, (4, 4), seeded()) for layer in every.layers]
    assert torch.allclose(every.attention(IMAGES, (4, 4), seeded()), torch.stack(single).mean(dim=0), atol=1e-6)


def test_attention_by_hand() -> None:
    queries = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    keys = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    found = QueriesKeys("layer", 2, 0.5, (1, 2), queries, keys).attention()
    e = torch.e
    first = (e / (e + 1) + 0.5) / 2  # head one asks for the first place, head two for none
    assert torch.allclose(found, torch.tensor([[[first, 1 - first], [0.5, 0.5]]]))


def test_rows_sum_to_one(diffusion: StableDiffusion) -> None:
    rows = AttentionSource(diffusion).attention(IMAGES, (5, 3), seeded()).sum(dim=-1)
    assert torch.allclose(rows, torch.ones(2, 15))


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that comes up."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.numbers = max(self.numbers, result.numel())
        return result


def test_no_more_than_one_head_is_held(diffusion: StableDiffusion) -> None:
    with torch.no_grad(), Largest() as largest:
        AttentionSource(diffusion).attention(IMAGES, (20, 20), seeded())
    assert largest.numbers == 2 * 400 * 400


def test_one_draw_serves_all_images(diffusion: StableDiffusion) -> None:
    source = AttentionSource(diffusion, ["up_blocks.1"])
    both = source.attention(IMAGES, (4, 4), seeded(7))
    assert torch.allclose(both[1:], source.attention(IMAGES[1:], (4, 4), seeded(7)), atol=1e-6)
    assert not torch.allclose(both, source.attention(IMAGES, (4, 4), seeded(8)), atol=1e-6)


def test_images_may_have_noise_of_their_own(diffusion: StableDiffusion) -> None:
    source = AttentionSource(diffusion, ["up_blocks.1"])
    both = source.attention(IMAGES, (4, 4), [seeded(1), seeded(2)])
    assert torch.allclose(both[1:], source.attention(IMAGES[1:], (4, 4), seeded(2)), atol=1e-6)
    with pytest.raises(ValueError, match=r"one for each of 2 images, got 1"):
        draw_noise([seeded()], torch.zeros(2, 4, 8, 8))


def test_images_of_any_shape_have_attention_on_their_grid(diffusion: StableDiffusion) -> None:
    source = AttentionSource(diffusion, size=(24, 40))
    assert source.attention(torch.rand(1, 3, 37, 61), (3, 5), seeded()).shape == (1, 15, 15)


def test_nothing_stays_behind_in_the_unet(diffusion: StableDiffusion) -> None:
    AttentionSource(diffusion).attention(IMAGES, (4, 4), seeded())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in diffusion.unet.modules())


def test_what_follows_the_last_layer_that_is_read_is_not_computed(diffusion: StableDiffusion) -> None:
    unet: Any = diffusion.unet
    ran: list[str] = []
    handles = [unet.get_submodule(name).register_forward_hook(lambda module, *_, name=name: ran.append(name))
               for name in ("mid_block", "up_blocks.1", "conv_out")]  # fmt: skip
    AttentionSource(diffusion, ["up_blocks.0"]).attention(IMAGES, (4, 4), seeded())
    for handle in handles:
        handle.remove()
    assert ran == ["mid_block"]


def test_layers_are_chosen_by_the_beginning_of_their_names(diffusion: StableDiffusion) -> None:
    assert AttentionSource(diffusion, ["up_blocks.1"]).layers == tuple(
        f"up_blocks.1.attentions.{number}.transformer_blocks.0.attn1" for number in (0, 1)
    )


@pytest.mark.parametrize("layer", ["up_blocks.10", "up_blocks.1.attentions.0.transformer_blocks.0.attn2", "mid_block"])
def test_an_unknown_layer_names_the_known_ones(diffusion: StableDiffusion, layer: str) -> None:
    with pytest.raises(ValueError, match=f"is called '{layer}' or lies in it; choose from up_blocks.0"):
        AttentionSource(diffusion, [layer])


@pytest.mark.parametrize("timestep", [-1, 1000])
def test_a_timestep_lies_within_the_schedule(diffusion: StableDiffusion, timestep: int) -> None:
    with pytest.raises(ValueError, match=f"expected a timestep from 0 to 999, got {timestep}"):
        AttentionSource(diffusion, timestep=timestep)


def test_half_precision_gives_probabilities_in_single(diffusion_folder: Path, diffusion: StableDiffusion) -> None:
    half = AttentionSource(StableDiffusion.load(diffusion_folder, dtype="bfloat16"))
    found = half.attention(IMAGES, (4, 4), seeded())
    assert found.dtype == torch.float32
    assert torch.allclose(found, AttentionSource(diffusion).attention(IMAGES, (4, 4), seeded()), atol=0.02)


def test_attention_that_is_not_finite_names_the_cure(
    diffusion: StableDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = diffusion.unet.get_submodule(f"{FINE}.to_k")
    monkeypatch.setattr(module, "forward", lambda tokens: tokens[..., :8] * float("inf"))
    with pytest.raises(ValueError, match=r"not finite in torch\.float32; use bfloat16 or float32"):
        AttentionSource(diffusion, [FINE]).attention(IMAGES, (4, 4), seeded())


def test_images_of_several_sizes_are_read_as_each_alone(diffusion: StableDiffusion) -> None:
    source, images = AttentionSource(diffusion, ["up_blocks.1"]), [IMAGES[0], IMAGES[1, :, 5:, :20]]
    both = source.attention(images, (4, 4), seeded())
    for found, image in zip(both, images, strict=True):
        assert torch.allclose(found, source.attention(image[None], (4, 4), seeded())[0], atol=1e-6)
