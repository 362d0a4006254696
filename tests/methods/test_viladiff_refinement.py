from dataclasses import replace

import pytest
import torch
from tests.methods.semi import semi
from tests.methods.toys import CLASSES
from tests.methods.viladiffs import captioned, viladiff
from torch import Tensor

from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.methods.viladiff import Config
from seglet.methods.viladiff.config import RECOMMENDED
from seglet.methods.viladiff.guard import RefinementGuard
from seglet.methods.viladiff.mixe import MixE, labels_at_maps
from seglet.models.diffusion.categorical import one_hot_labels
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.diffusion.mixed import DenoiserOutput, NoisyState, ReversePath
from seglet.models.heads.vila import StreamOutput
from seglet.tensors import nearest_align_corners
from seglet.types import IGNORE, Progress

PREDICTED = {"denoise_labelled": True, "denoise_from": "guesses"}
EARLY, LATE = Progress(1, 10, seed=3), Progress(7, 10, seed=3)


def stream(logit: float) -> StreamOutput:
    """Returns a stream whose logits favour the first class by `logit`."""
    logits = torch.zeros(2, 2, 16, 16)
    logits[:, 0] = logit
    return StreamOutput(torch.ones(2, 2, 4, 4), torch.zeros(2, 2, 16, 16), logits.requires_grad_())


def test_pseudo_labels_are_refined_from_half_of_training_on() -> None:
    method = viladiff()
    assert "mended" not in method.losses(captioned(), Progress(4, 10)).terms
    assert 0 <= method.losses(captioned(), Progress(5, 10)).terms["mended"] <= 1


def test_refinement_is_scored_with_the_same_draws_each_time() -> None:
    method, images = viladiff(), captioned().unlabelled.images
    first = method.predict_refined(images)
    assert torch.equal(method.predict_refined(images), first)
    torch.testing.assert_close(first.exp().sum(1), torch.ones(2, 32, 32))


def test_refined_probabilities_are_a_mean_of_the_denoisers_and_the_teachers() -> None:
    images = captioned().unlabelled.images
    teacher, denoiser = viladiff().predict(images).softmax(1), viladiff().predict_refined(images).exp()
    mean = viladiff(refined_share=0.25).predict_refined(images).exp()
    torch.testing.assert_close(mean, 0.75 * teacher + 0.25 * denoiser)
    assert not torch.allclose(mean, denoiser)
    assert viladiff(refined_share=0.0).losses(captioned(), LATE).terms["mended"] == 0
    assert viladiff(refined_share=1.0).losses(captioned(), LATE).terms["mended"] > 0


def test_the_denoiser_learns_the_teachers_guess_and_not_its_own_refined_labels() -> None:
    def wrong(state: NoisyState, logits: Tensor, steps: Tensor) -> DenoiserOutput:
        last = torch.zeros_like(logits).index_fill(1, torch.tensor(logits.shape[1] - 1), 10.0)
        return DenoiserOutput(last, torch.zeros_like(state.features))

    method = viladiff(captions=None, cutmix_chance=0.0)
    method.teacher.network.network.head.tail.classifier.bias.data[0] += 100  # type: ignore[operator, union-attr]
    method.mixe.denoiser.forward = wrong  # type: ignore[method-assign, union-attr]
    terms = method.losses(semi(streams=1), LATE).terms
    assert terms["mended"] == 1
    assert float(terms["region"]) == pytest.approx(10, abs=1e-3)  # 0 if its own output were its target


def test_padding_has_no_label_for_the_denoiser() -> None:
    labels = torch.arange(16).view(1, 4, 4)
    valid = torch.ones_like(labels, dtype=torch.bool)
    valid[..., 2:] = False
    found, sure = labels_at_maps(PseudoLabelMap(labels, labels / 16, valid), torch.zeros(1, 1, 2, 2))
    assert found.tolist() == [[[0, IGNORE], [12, IGNORE]]]
    assert sure.tolist() == [[[0.0, 3 / 16], [12 / 16, 15 / 16]]]


class Repeating(LabelDenoiser):
    """A denoiser that predicts the labels it is given, by a margin of 10, and remembers them."""

    def forward(self, state: NoisyState, logits: Tensor, steps: Tensor) -> DenoiserOutput:
        self.given = state.labels
        return DenoiserOutput(10.0 * one_hot_labels(state.labels, 2).float(), torch.zeros_like(state.features))


@pytest.mark.parametrize(("predicted", "given", "wrong"), [(0, [1, 1], 0), (1, [0, 1], 0.5)])
def test_on_masks_the_denoiser_may_start_from_the_students_labels(
    predicted: int, given: list[int], wrong: float
) -> None:
    denoiser = Repeating(classes=2, channels=2, width=8, blocks=1)
    mixe = MixE(Config(mix="gaussian"), denoiser)  # labels do not flip
    ones = torch.ones(2, 16, 16, dtype=torch.long)
    terms = mixe.losses(stream(2.0), PseudoLabelMap(ones, ones.float(), ones.bool()), 0.0, torch.Generator(), predicted)
    assert [int(labels.unique()) for labels in denoiser.given] == given
    assert float(terms["region"]) == pytest.approx(10 * wrong, abs=1e-3)  # fraction of pixels with a wrong label


def test_recommended_refinement_sets_its_keys() -> None:
    config = Config(refine="recommended", mix="flips")
    assert {name: getattr(config, name) for name in RECOMMENDED} == dict(RECOMMENDED)
    assert replace(config, refine="keys", refine_guard=False).refine_guard is False
    assert Config().path == ReversePath(None, "draw", 8)


def test_flips_follow_what_the_student_mistakes_on_masks() -> None:
    method = viladiff(captions=None, flips="confusion")
    assert method.losses(semi(streams=1), LATE).total.isfinite()
    masks = semi(streams=1).labelled.target.labels
    pixels = nearest_align_corners(masks != IGNORE, (16, 16)).sum()
    assert method.mixe.confusion.sum() == pixels  # type: ignore[union-attr]
    mixe = MixE(Config(flips="confusion", flip_rate=0.3), LabelDenoiser(2, 2, 8, 1))
    mixe.observe(stream(2.0).logits, PseudoLabelMap(torch.ones_like(masks), masks.float(), masks >= 0))
    assert mixe.confusion.tolist() == [[0, 0], [512, 0]]  # truth 1, predicted 0


def test_the_guard_refines_only_while_that_mends_labelled_images() -> None:
    method = viladiff(captions=None, refine_guard=True, cutmix_chance=0.0)
    step = semi(streams=1)
    masks = step.labelled.target.labels

    def say(labels: Tensor) -> None:
        shrunk = labels_at_maps(PseudoLabelMap(labels, labels.float(), labels >= 0), torch.zeros(2, 1, 16, 16))[0]
        said = 50.0 * one_hot_labels(shrunk, len(CLASSES)).float()
        method.mixe.denoiser.forward = lambda state, logits, steps: DenoiserOutput(  # type: ignore[method-assign, union-attr]
            said, torch.zeros_like(state.features)
        )

    say((masks + 1) % len(CLASSES))
    assert method.losses(step, LATE).terms["refining"] == 0
    say(masks)
    better = method.losses(step, LATE).terms
    assert better["refining"] == 1
    assert better["refined-miou"] > better["guessed-miou"]
    say((masks + 1) % len(CLASSES))
    method.guard.counts.zero_()  # type: ignore[union-attr]
    assert method.losses(step, LATE).terms["refining"] == 0
    assert method.losses(step, LATE).terms["mended"] == 0


def test_the_guard_has_hysteresis() -> None:
    guard = RefinementGuard(2, margin=0.1)
    masks, right = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 0, 1, 1]]])
    wrong = torch.tensor([[[0, 0, 0, 1]]])  # IoU 2/3 and 1/2
    found = guard.update(masks, wrong, right)
    assert (float(found["guessed-miou"]), float(found["refined-miou"])) == (pytest.approx(7 / 12), 1)
    assert guard.open
    guard.counts.zero_()
    assert guard.update(masks, wrong, wrong)["refining"] == 1  # level: it goes on
    guard.open.fill_(False)
    assert guard.update(masks, wrong, wrong)["refining"] == 0  # level: it does not begin
    guard.open.fill_(True)
    guard.counts.zero_()
    assert guard.update(masks, right, wrong)["refining"] == 0


def test_the_denoiser_may_learn_from_masks_alone() -> None:
    def certain(state: NoisyState, logits: Tensor, steps: Tensor) -> DenoiserOutput:
        counts.append(len(state.labels))
        return DenoiserOutput(logits, torch.zeros_like(state.features))

    counts: list[int] = []
    for both, keys in (
        (2, {}),
        (4, {"denoise_labelled": True}),
        (2, {"denoise_labelled": True, "denoise_unlabelled": False}),
    ):
        method = viladiff(captions=None, **keys)
        method.mixe.denoiser.forward = certain  # type: ignore[method-assign, union-attr]
        method.losses(semi(streams=1), EARLY)
        assert counts.pop() == both
    with pytest.raises(ValueError, match="the denoiser needs labels to learn from; set denoise_labelled"):
        Config(denoise_unlabelled=False)
