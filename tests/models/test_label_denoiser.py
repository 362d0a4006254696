import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seglet.models.diffusion.categorical import LabelFlips
from seglet.models.diffusion.label_denoiser import LabelDenoiser, step_encoding
from seglet.models.diffusion.mixed import MixedDiffusion, NoisyState
from seglet.models.diffusion.routing import NoiseRoute
from seglet.types import IGNORE

VIT_B_512 = 107e9
"""Multiply-adds of a ViT-B/16 on 512 x 512."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def denoiser(corrector: bool = False) -> LabelDenoiser:
    torch.manual_seed(0)
    return LabelDenoiser(4, 3, width=16, blocks=2, corrector=corrector)


def state(size: int = 8) -> NoisyState:
    labels = torch.zeros(2, size, size, dtype=torch.long)
    labels[:, :, size // 2 :] = 2
    return NoisyState(labels, torch.randn(2, 3, size, size, generator=seeded()))


def test_logits_and_noise_have_the_size_of_the_state_and_void_is_read() -> None:
    noisy = state()
    noisy.labels[0, 0] = IGNORE
    predicted = denoiser()(noisy, torch.zeros(2, 4, 8, 8), torch.tensor([1, 10]))
    assert predicted.logits.shape == (2, 4, 8, 8)
    assert predicted.noise.shape == (2, 3, 8, 8)
    assert torch.isfinite(predicted.logits).all()


def test_the_step_is_known_to_the_network() -> None:
    net, logits = denoiser(), torch.zeros(2, 4, 8, 8)
    early, late = (net(state(), logits, torch.full((2,), step)).logits for step in (1, 10))
    assert not torch.allclose(early, late)
    assert step_encoding(torch.tensor([0]), 4).tolist() == [[0, 0, 1, 1]]


def test_a_corrector_starts_with_the_segmenters_logits() -> None:
    net, logits, steps = denoiser(corrector=True), torch.randn(2, 4, 8, 8, generator=seeded()), torch.tensor([1, 10])
    first = net(state(), logits, steps).logits
    assert torch.equal(first, logits)
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    F.cross_entropy(first, state().labels).backward()
    optimiser.step()
    after = F.cross_entropy(net(state(), logits, steps).logits, state().labels)
    assert after < F.cross_entropy(first, state().labels)


def test_it_costs_less_than_a_twentieth_of_a_vit() -> None:
    net = LabelDenoiser(21, 128)
    weights = sum(part.weight.numel() for part in net.modules() if isinstance(part, nn.Conv2d))
    assert weights * 128 * 128 < 0.05 * VIT_B_512


def test_trained_on_flipped_labels_it_corrects_wrong_ones() -> None:
    net, clean = denoiser(), state(16)
    flips = LabelFlips(torch.full((2, 1, 16, 16), 0.2), 4)
    everywhere = torch.ones(2, 16, 16, dtype=torch.bool)
    process, blank = MixedDiffusion(flips, NoiseRoute(everywhere, ~everywhere)), torch.zeros(2, 4, 16, 16)
    optimiser, draws = torch.optim.Adam(net.parameters(), lr=0.02), seeded(1)
    for _ in range(30):
        steps = process.schedule.draw(2, draws)
        noisy, _ = process.corrupt(clean, steps, draws)
        optimiser.zero_grad()
        F.cross_entropy(net(noisy, blank, steps).logits, clean.labels).backward()
        optimiser.step()
    wrong = torch.where(torch.rand(2, 16, 16, generator=seeded()) < 0.3, (clean.labels + 1) % 4, clean.labels)
    corrected = process.restore(
        lambda predicted, steps: net(predicted, blank, steps), NoisyState(wrong, clean.features), seeded()
    )
    assert (corrected.argmax(1) == clean.labels).float().mean() > (wrong == clean.labels).float().mean() + 0.1


def test_a_width_that_cannot_be_grouped_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        LabelDenoiser(4, 3, width=12)
