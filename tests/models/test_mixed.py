from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seglet.models.diffusion.categorical import LabelFlips, one_hot_labels
from seglet.models.diffusion.gaussian import JointSteps
from seglet.models.diffusion.mixed import DenoiserOutput, MixedDiffusion, NoisyState, PathDraw, ReversePath
from seglet.models.diffusion.routing import NoiseKinds, NoiseRoute, RoutingRule, confidence_threshold, route_noise
from seglet.types import IGNORE

CONFIDENCE = torch.tensor([[[0.9, 0.3]]])
SEED = 5


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def clean(size: int = 16) -> NoisyState:
    labels = torch.randint(4, (2, size, size), generator=seeded())
    return NoisyState(labels, torch.randn(2, 3, size, size, generator=seeded()))


def diffusion(where: Tensor, **changes: object) -> MixedDiffusion:
    flips = LabelFlips(torch.full((len(where), 1, *where.shape[1:]), 0.2), 4)
    return MixedDiffusion(flips, NoiseRoute(where, ~where), **changes)  # type: ignore[arg-type]


def halves(size: int = 16) -> Tensor:
    where = torch.zeros(2, size, size, dtype=torch.bool)
    where[:, :, : size // 2] = True
    return where


@pytest.mark.parametrize(
    ("reading", "noises", "flips", "gaussian"),
    [
        ("prose", "both", [True, False], [False, True]),
        ("arguments", "both", [False, True], [True, False]),
        ("prose", "flips", [True, True], [False, False]),
        ("arguments", "gaussian", [False, False], [True, True]),
        ("hidden", "both", [True, False], [False, True]),
    ],
)
def test_confidence_chooses_the_noise(
    reading: RoutingRule, noises: NoiseKinds, flips: list[bool], gaussian: list[bool]
) -> None:
    chosen = route_noise(CONFIDENCE, 0.5, reading, noises)
    assert (chosen.flips[0, 0].tolist(), chosen.gaussian[0, 0].tolist()) == (flips, gaussian)


@pytest.mark.usefixtures("unchecked")
def test_a_wrong_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a reading"):
        route_noise(CONFIDENCE, 0.5, "poetry")  # type: ignore[arg-type]


def test_at_the_beginning_every_pixel_is_confident() -> None:
    assert confidence_threshold(0) == 0
    assert route_noise(CONFIDENCE, confidence_threshold(0)).flips.all()
    assert (confidence_threshold(0.25), confidence_threshold(0.5), confidence_threshold(1)) == (0.4, 0.8, 0.8)


def test_labels_flip_and_features_get_noise_only_where_they_should() -> None:
    start, where = clean(), halves()
    noisy, noise = diffusion(where).corrupt(start, torch.tensor([10, 10]), seeded())
    assert torch.equal(noisy.labels[~where], start.labels[~where])
    assert not torch.equal(noisy.labels[where], start.labels[where])
    features = where[:, None].expand_as(noise)
    assert torch.equal(noisy.features[features], start.features[features])
    assert (noise[features] == 0).all()
    assert (noise[~features] != 0).all()


def test_a_denoiser_that_knows_the_truth_restores_it() -> None:
    start = clean()

    def oracle(state: NoisyState, steps: Tensor) -> DenoiserOutput:
        return DenoiserOutput(20.0 * one_hot_labels(start.labels, 4).float(), torch.zeros_like(state.features))

    mended = diffusion(halves()).restore(oracle, start, seeded())
    assert torch.equal(mended.argmax(1), start.labels)
    torch.testing.assert_close(mended.sum(1), torch.ones(2, 16, 16))


def test_restoring_corrects_labels_where_the_denoiser_is_right_more_often_than_they_were() -> None:
    start = clean()
    wrong = torch.where(torch.rand(2, 16, 16, generator=seeded()) < 0.3, (start.labels + 1) % 4, start.labels)

    def good(state: NoisyState, steps: Tensor) -> DenoiserOutput:
        logits = 2.0 * one_hot_labels(start.labels, 4).float() + one_hot_labels(state.labels, 4).float()
        return DenoiserOutput(logits, torch.zeros_like(state.features))

    mended = diffusion(halves()).restore(good, NoisyState(wrong, start.features), seeded()).argmax(1)
    assert (mended == start.labels).float().mean() > (wrong == start.labels).float().mean() + 0.2


def test_features_with_known_noise_come_back() -> None:
    start, nowhere = clean(), torch.zeros(2, 16, 16, dtype=torch.bool)
    process = diffusion(nowhere)
    noisy, noise = process.corrupt(start, torch.tensor([1, 1]), seeded())
    back = process.reverse_step(
        noisy, DenoiserOutput(one_hot_labels(start.labels, 4).float(), noise), torch.tensor([1, 1]), seeded()
    )
    torch.testing.assert_close(back.features, start.features, rtol=1e-4, atol=1e-4)


def test_restoring_is_repeated_by_the_same_generator_and_asks_once_a_step() -> None:
    asked: list[int] = []

    def unsure(state: NoisyState, steps: Tensor) -> DenoiserOutput:
        asked.append(int(steps[0]))
        return DenoiserOutput(one_hot_labels(state.labels, 4).float(), torch.zeros_like(state.features))

    process = diffusion(halves(), schedule=JointSteps(5), predicts="previous")
    first, second = (process.restore(unsure, clean(), seeded()) for _ in range(2))
    assert torch.equal(first, second)
    assert asked == [5, 4, 3, 2, 1] * 2


def test_features_stay_in_their_range_however_wrong_the_predicted_noise_is() -> None:
    inputs: list[Tensor] = []

    def wrong(state: NoisyState, steps: Tensor) -> DenoiserOutput:
        inputs.append(state.features)
        return DenoiserOutput(torch.zeros(2, 4, 16, 16), torch.zeros_like(state.features))

    start = clean()
    diffusion(torch.zeros(2, 16, 16, dtype=torch.bool)).restore(wrong, start, seeded())
    assert max(float(features.abs().max()) for features in inputs) < 2 * float(start.features.abs().max())


def asked_of(path: ReversePath, gaussian: bool = False, hides: bool = False) -> list[tuple[int, NoisyState]]:
    """Returns the steps and the states that a denoiser is asked about, which repeats the labels it is given."""
    asked: list[tuple[int, NoisyState]] = []

    def repeat(state: NoisyState, steps: Tensor) -> DenoiserOutput:
        asked.append((int(steps[0]), state))
        said = 20.0 * one_hot_labels(state.labels, 4).float()
        return DenoiserOutput(said, torch.zeros_like(state.features))

    process = diffusion(torch.full((2, 16, 16), not gaussian), schedule=JointSteps(4))
    replace(process, route=replace(process.route, hides=hides)).restore(repeat, clean(), seeded(), path)
    return asked


def test_restoring_may_begin_at_an_earlier_step() -> None:
    assert [step for step, _ in asked_of(ReversePath(start=2))] == [2, 1]
    with pytest.raises(ValueError, match="expected a start from 1 to the schedule's 4 steps, got 5"):
        asked_of(ReversePath(start=5))


def test_the_likeliest_path_begins_with_the_labels_as_they_are_and_draws_nothing() -> None:
    for _, state in asked_of(ReversePath(draw="likeliest")):
        assert torch.equal(state.labels, clean().labels)
    assert not torch.equal(asked_of(ReversePath(draw="draw"))[0][1].labels, clean().labels)
    features = asked_of(ReversePath(draw="likeliest"), gaussian=True)[0][1].features
    torch.testing.assert_close(features, clean().features * JointSteps(4).gaussian.signal[999].sqrt().float())


@pytest.mark.parametrize(("draw", "times"), [("draw", 1), ("likeliest", 1), ("mean", 3)])
def test_the_mean_is_of_as_many_random_paths_as_asked_for(draw: PathDraw, times: int) -> None:
    assert [step for step, _ in asked_of(ReversePath(2, draw, 3))] == [2, 1] * times


def test_hidden_labels_are_void_to_the_denoiser_at_every_step() -> None:
    for draw in ("draw", "likeliest"):
        states = [state for _, state in asked_of(ReversePath(draw=draw), gaussian=True, hides=True)]  # type: ignore[arg-type]
        assert all((state.labels == IGNORE).all() for state in states)
    assert all((state.labels != IGNORE).all() for _, state in asked_of(ReversePath(), hides=True))
