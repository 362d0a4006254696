from dataclasses import replace

import pytest
import torch
from tests.methods.semi import fixmatch, semi
from tests.methods.toys import labelled

from seglet.losses.task import cross_entropy
from seglet.methods.fixmatch import Config
from seglet.types import Progress, SemiStep

BEGIN = Progress(0, 10, seed=3)


def test_the_total_is_unimatchs_sum() -> None:
    losses = fixmatch().losses(semi(partner=True), BEGIN)
    terms = losses.terms
    expected = (terms["labelled"] + 0.5 * terms["strong"] + 0.5 * terms["features"]) / 2
    torch.testing.assert_close(losses.total, expected)


def test_one_stream_without_features_is_fixmatch() -> None:
    method = fixmatch(streams=1, feature_weight=0.0, strong_weight=1.0)
    losses = method.losses(semi(streams=1), BEGIN)
    assert "features" not in losses.terms
    torch.testing.assert_close(losses.total, (losses.terms["labelled"] + losses.terms["strong"]) / 2)


def test_strong_views_equal_to_the_weak_one_cost_as_much_as_unperturbed_features() -> None:
    method, step = fixmatch(dropout=0.0, cutmix_chance=0.0, feature_drop=0.0).eval(), semi()
    weak = step.unlabelled.images
    alike = SemiStep(step.labelled, replace(step.unlabelled, strong=weak[None]))
    terms = method.losses(alike, BEGIN).terms
    torch.testing.assert_close(terms["strong"], terms["features"])


def test_pixels_below_the_threshold_teach_nothing() -> None:
    method = fixmatch(threshold=1.0, dropout=0.0)
    terms = method.losses(semi(), BEGIN).terms
    assert (terms["strong"], terms["features"], terms["confident"]) == (0, 0, 0)
    assert terms["labelled"] > 0


def test_no_gradient_passes_through_pseudo_labels() -> None:
    method = fixmatch(guesser="average")
    method.losses(semi(partner=True), BEGIN).total.backward()
    assert all(p.grad is None for p in method.average.parameters())  # type: ignore[union-attr]
    assert all(p.grad is not None for p in method.student.parameters())


def test_weak_views_need_not_pass_a_student_that_does_not_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    method = fixmatch(guesser="average", feature_weight=0.0, streams=1, weak_pass=False)
    seen: list[int] = []
    backbone = method.student.network.backbone
    backbone.register_forward_hook(lambda module, given, out: seen.append(len(given[0])))
    method.losses(semi(streams=1), BEGIN).total.backward()
    assert seen == [2, 2]  # labelled views, strong views


@pytest.mark.parametrize("keys", [{"feature_weight": 0.0}, {"guesser": "average"}])
def test_weak_views_are_not_left_out_where_they_are_needed(keys: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="set guesser: average and feature_weight: 0"):
        fixmatch(weak_pass=False, **keys)


def test_views_lose_complementary_channels_of_the_backbone() -> None:
    keys = {"dropout": 0.0, "cutmix_chance": 0.0}
    whole, dropped = (fixmatch(complementary=each, **keys).losses(semi(), BEGIN).terms for each in (False, True))
    assert dropped["labelled"] == whole["labelled"]
    assert dropped["strong"] != whole["strong"]


def test_complementary_channels_need_two_views() -> None:
    with pytest.raises(ValueError, match="expected two strong views, streams: 2, got 1"):
        Config(complementary=True, streams=1)


def test_aligned_predictions_are_other_pseudo_labels_and_the_shares_are_kept_with_the_method() -> None:
    method, plain = fixmatch(align=True), fixmatch()
    method.alignment.predicted.copy_(torch.tensor([0.9, 0.05, 0.05]))  # type: ignore[union-attr]
    found, before = (each.losses(semi(partner=True), BEGIN).terms for each in (method, plain))
    assert found["share/sky"] < before["share/sky"] or before["share/sky"] == 0
    assert {"alignment.predicted", "alignment.labelled"} <= method.state_dict().keys()


def test_one_step_lowers_the_loss() -> None:
    method = fixmatch(dropout=0.0, cutmix_chance=0.0)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.05)
    before = method.losses(semi(), BEGIN)
    before.total.backward()
    optimiser.step()
    after = method.losses(semi(), BEGIN)
    assert after.terms["labelled"] < before.terms["labelled"]


def test_random_draws_depend_on_the_seed_of_the_step_alone() -> None:
    step = semi(partner=True)
    first = fixmatch().losses(step, BEGIN).total
    torch.rand(3)  # draws from the global generator
    assert fixmatch().losses(step, Progress(5, 10, seed=3)).total == first
    assert fixmatch().losses(step, Progress(0, 10, seed=4)).total != first


def test_the_average_starts_as_a_copy_of_the_student() -> None:
    method = fixmatch(guesser="average", keep="average")
    method.student.network.head.tail.classifier.weight.data += 1
    method.after_step(Progress(1, 10))
    kept = method.segmenter().network.head.tail.classifier.weight
    torch.testing.assert_close(kept, method.student.network.head.tail.classifier.weight)
    assert set(method.extra_predictions()) == {"student"}
    assert not method.segmenter().training


def test_pseudo_labels_of_the_partner_leave_no_trace_in_the_student() -> None:
    method = fixmatch(cutmix_chance=1.0)
    before = {name: buffer.clone() for name, buffer in method.named_buffers() if "running" in name}
    method._pseudo_labels(semi(partner=True).partner)  # type: ignore[arg-type]
    assert all(torch.equal(buffer, before[name]) for name, buffer in method.named_buffers() if name in before)
    assert method.student.training


def test_labelled_views_are_learnt_as_the_supervised_baseline_learns_them() -> None:
    method, step = fixmatch(dropout=0.0).eval(), semi()
    alone = cross_entropy(method.student.network(labelled().images).logits, step.labelled.target)
    torch.testing.assert_close(method.losses(step, BEGIN).terms["labelled"], alone)


def test_thresholds_of_classes_follow_the_predictions_and_are_kept_with_the_method() -> None:
    method = fixmatch(adapt="classes", adapt_momentum=0.0, threshold=1.0)
    terms = method.losses(semi(), BEGIN).terms
    limits = method.limits.thresholds()  # type: ignore[union-attr]
    assert terms["strong"] > 0  # a threshold of 1 for all would let nothing pass
    assert 0 < float(limits.min()) < float(limits.max()) < 1
    assert {"limits.overall", "limits.expected"} <= method.state_dict().keys()


def test_the_share_of_confident_pixels_is_logged_for_each_class() -> None:
    for threshold, share in ((0.0, 1.0), (1.0, 0.0)):
        terms = fixmatch(threshold=threshold).losses(semi(), BEGIN).terms
        passed = [float(terms[f"confident/{name}"]) for name in ("sky", "road", "car") if terms[f"share/{name}"] > 0]
        assert set(passed) == {share}


@pytest.mark.parametrize("believe", ["ratio", "average"])
def test_images_may_be_weighed_as_a_whole(believe: str) -> None:
    losses = fixmatch(believe=believe, threshold=0.3).losses(semi(partner=True), BEGIN)
    assert torch.isfinite(losses.total)


def test_a_collapse_is_reported_once_training_is_under_way() -> None:
    method = fixmatch()
    terms = {"share/sky": 1.0, "labelled-share/sky": 0.5, "labelled-share/road": 0.5, "confident": 0.9}
    assert method.training_warnings(terms, Progress(1, 10)) == {}
    assert set(method.training_warnings(terms, Progress(5, 10))) == {"collapse", "vanished"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"threshold": 2.0}, "threshold: expected 0 to 1"),
        ({"feature_drop": 1.0}, "feature_drop: expected 0 up to below 1"),
        ({"adapt": "classes", "believe": "ratio"}, "adapt: thresholds of classes weigh pixels"),
        ({"keep": "average"}, "keep: average needs an average"),
        ({"streams": 0}, "streams: expected at least 1"),
        ({"strong_blur": (0.0, 1.0)}, "strong_blur: expected 0 < least"),
        ({"cutmix_area": (0.5, 0.1)}, "areas 0 < least"),
    ],
)
def test_impossible_values_are_refused_by_key(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**keys)  # type: ignore[arg-type]
