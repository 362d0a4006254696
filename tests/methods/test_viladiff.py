from dataclasses import replace

import pytest
import torch
from tests.methods.semi import semi
from tests.methods.toys import CLASSES
from tests.methods.viladiffs import TINY, captioned, viladiff

from seglet.labels.semi.cutmix import has_box, resize_box_mask
from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.losses.vila import DIFFUSION_WEIGHTS
from seglet.methods.viladiff import Config
from seglet.methods.viladiff.cost_report import denoiser_share, estimate_costs
from seglet.methods.viladiff.dual_path import DualPathLosses, dual_path_losses, fusion_gate, ramp_up
from seglet.methods.viladiff.step_captions import captions_of_step
from seglet.methods.viladiff.strong_views import StrongViews, cutmix_views
from seglet.models.architecture import Architecture
from seglet.models.assembly import assemble_network
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.heads.vila import CaptionFusion, StreamOutput, StreamOutputs
from seglet.types import IGNORE, Classes, Progress, SemiStep, Target

PREDICTED = {"denoise_labelled": True, "denoise_from": "guesses"}
EARLY, LATE = Progress(1, 10, seed=3), Progress(7, 10, seed=3)


def test_the_total_is_the_papers_sum_plus_the_loss_of_pseudo_labels() -> None:
    losses = viladiff().losses(captioned(), EARLY)
    t = losses.terms
    uns = t["features"] + t["logits"] + t["path-features"] + t["path-logits"]
    diffused = DIFFUSION_WEIGHTS[0] * t["region"] + DIFFUSION_WEIGHTS[1] * t["edge"] + DIFFUSION_WEIGHTS[2] * t["noise"]
    torch.testing.assert_close(losses.total, t["labelled"] + t["pseudo"] + uns + diffused)


@pytest.mark.parametrize(
    ("switch", "absent"),
    [
        ({"captions": None}, {"features", "logits", "better", "path-features"}),
        ({"mix": "none"}, {"region", "edge", "noise", "mended"}),
        ({"pseudo_weight": 0.0}, {"pseudo"}),
        ({"path_weight": 0.0}, {"path-features", "path-logits"}),
    ],
)
def test_a_term_that_is_switched_off_is_not_computed(switch: dict[str, object], absent: set[str]) -> None:
    assert not absent & viladiff(**switch).losses(captioned(), LATE).terms.keys()


def test_a_weight_of_zero_takes_a_term_out_of_the_total() -> None:
    whole = viladiff().losses(captioned(), EARLY)
    without = viladiff(feature_weight=0.0, mu=(1.0, 0.0, 0.5)).losses(captioned(), EARLY)
    gone = whole.terms["features"] + whole.terms["path-features"] + 0.5 * whole.terms["edge"]
    torch.testing.assert_close(without.total, whole.total - gone)


def test_the_weight_of_distillation_rises_until_a_share_of_training_if_asked() -> None:
    rising = [ramp_up(fraction, 0.5) for fraction in (0.0, 0.25, 0.5, 0.75)]
    assert rising == pytest.approx([0.0067379, 0.2865048, 1.0, 1.0], abs=1e-6)  # e^-5, e^-1.25
    assert ramp_up(0.0, 0.0) == 1.0
    whole, early = viladiff().losses(captioned(), EARLY), viladiff(distil_ramp=0.5).losses(captioned(), EARLY)
    uns = sum(whole.terms[name] for name in ("features", "logits", "path-features", "path-logits"))
    torch.testing.assert_close(early.total, whole.total - (1 - ramp_up(0.1, 0.5)) * uns)


def test_without_captions_and_mixing_it_is_fixmatch_with_a_teacher() -> None:
    from seglet.methods.fixmatch import Config as Other
    from seglet.methods.fixmatch import Method as FixMatch

    keys = {"student": TINY["student"], "width": TINY["width"], "threshold": 0.0, "dropout": 0.0, "streams": 1}
    alone = {"feature_weight": 0.0, "strong_weight": 1.0, "halve": False, "guesser": "average", "partner": "reversed"}
    other = FixMatch.build(Other(**keys, **alone), CLASSES, 0).train().losses(semi(streams=1), EARLY)  # type: ignore[arg-type]
    mine = viladiff(captions=None, mix="none", dropout=0.0).losses(semi(streams=1), EARLY)
    torch.testing.assert_close(mine.total, other.total)


def test_random_draws_depend_on_the_seed_of_the_step_alone() -> None:
    step = captioned(partner=True)
    first = viladiff().losses(step, LATE).total
    torch.rand(3)  # draws from the global generator
    assert viladiff().losses(step, LATE).total == first
    assert viladiff().losses(step, replace(LATE, seed=4)).total != first


@pytest.mark.parametrize(
    "keys", [{}, {"captions": None}, {"teach_through": True}, {"denoise_labelled": True}, PREDICTED]
)
def test_gradients_reach_student_fusion_and_denoiser_and_no_teacher(keys: dict[str, object]) -> None:
    method = viladiff(gate="always", **keys)
    method.losses(captioned(), LATE).total.backward()
    trained = [(name, p) for name, p in method.named_parameters() if p.requires_grad]
    assert [name for name, p in trained if p.grad is None] == []
    assert not [name for name, _ in trained if "teacher" in name]


def test_the_denoiser_teaches_the_student_only_if_asked() -> None:
    for through in (False, True):
        method = viladiff(captions=None, pseudo_weight=0.0, teach_through=through)
        terms = method.losses(semi(streams=1), LATE).terms
        (terms["region"] + 0 * terms["labelled"]).backward()
        grads = [p.grad for p in method.student.parameters() if p.grad is not None]
        assert any(bool(grad.any()) for grad in grads) is through


def test_one_step_lowers_the_loss() -> None:
    method = viladiff(dropout=0.0, cutmix_chance=0.0)
    optimiser = torch.optim.SGD(method.parameters(), lr=0.01)
    before = method.losses(captioned(), EARLY)
    before.total.backward()
    optimiser.step()
    assert method.losses(captioned(), EARLY).terms["labelled"] < before.terms["labelled"]


def test_the_teacher_starts_as_a_copy_in_both_streams_and_is_kept() -> None:
    method = viladiff()
    method.student.network.head.tail.classifier.weight.data += 1  # type: ignore[operator, union-attr]
    method.fusion.read.weight.data += 1  # type: ignore[union-attr]
    method.after_step(Progress(1, 10))
    assert torch.equal(method.fused_teacher.network.read.weight, method.fusion.read.weight)  # type: ignore[union-attr]
    assert method.segmenter() is method.teacher.network
    assert set(method.extra_predictions()) == {"student", "refined"}
    assert set(viladiff(keep="student", mix="none").extra_predictions()) == {"average"}


def test_prediction_needs_no_captions_and_is_the_visual_stream_bit_for_bit() -> None:
    method = viladiff()
    images = captioned().unlabelled.images
    assert torch.equal(method.predict(images), method.teacher.network(images))


def test_a_frozen_backbone_has_no_gradient() -> None:
    method = viladiff(freeze_backbone=True)
    method.losses(captioned(), EARLY).total.backward()
    assert all(p.grad is None for p in method.student.network.backbone.parameters())


def test_the_learning_rate_scales_with_the_batch_if_asked() -> None:
    assert viladiff(rate_batch=4).learning_rate_factor(16) == 4
    assert viladiff().learning_rate_factor(16) == 1


def test_shuffled_captions_are_those_of_the_image_before() -> None:
    step = captioned()
    plain, shuffled = captions_of_step(step, False), captions_of_step(step, True)
    assert torch.equal(shuffled.labelled.states[1], plain.labelled.states[0])
    assert torch.equal(shuffled.unlabelled.states[0], plain.labelled.states[1])
    assert torch.equal(shuffled.labelled.states[0], plain.unlabelled.states[1])


def test_a_step_without_captions_is_refused() -> None:
    with pytest.raises(ValueError, match="no column 'caption-tokens'; run `seglet prepare`"):
        viladiff().losses(semi(streams=1), EARLY)


def views(value: float, step: SemiStep) -> StrongViews:
    """Returns views whose images, labels and maps all hold the same number."""
    text = captions_of_step(step, False).unlabelled
    maps = [torch.full((2, 2, side, side), value) for side in (4, 16, 16)]
    labels = torch.full((2, 32, 32), int(value))
    pseudo = PseudoLabelMap(labels, labels.float(), torch.ones_like(labels, dtype=torch.bool))
    return StrongViews(torch.full((2, 3, 32, 32), value), pseudo, pseudo, StreamOutput(*maps), text)


def test_a_pasted_box_brings_labels_maps_and_captions_along() -> None:
    step, how = captioned(), Config(cutmix_chance=1.0, cutmix_area=(0.3, 0.4)).boxes
    out = cutmix_views(views(0.0, step), views(1.0, step), how, torch.Generator().manual_seed(0))
    box = out.images[:, 0] == 1
    assert torch.equal(out.pseudo.labels == 1, box)
    assert torch.equal(out.guess.labels == 1, box)
    assert torch.equal(out.teacher.logits[:, 0] == 1, resize_box_mask(box, (16, 16)))
    assert torch.equal(out.teacher.tokens[:, 0] == 1, resize_box_mask(box, (4, 4)))
    assert has_box(box).all()
    assert out.captions is not None
    assert out.captions.valid.sum(1).tolist() == [8, 4]


def test_without_a_box_there_is_one_caption() -> None:
    step, how = captioned(), Config(cutmix_chance=0.0).boxes
    out = cutmix_views(views(0.0, step), views(1.0, step), how, torch.Generator())
    assert out.captions is not None
    assert out.captions.valid.sum(1).tolist() == [4, 2]


def stream(logit: float) -> StreamOutput:
    """Returns a stream whose logits favour the first class by `logit`."""
    logits = torch.zeros(2, 2, 16, 16)
    logits[:, 0] = logit
    return StreamOutput(torch.ones(2, 2, 4, 4), torch.zeros(2, 2, 16, 16), logits.requires_grad_())


def distilled(config: Config, visual: StreamOutput, fused: StreamOutput, strong: StrongViews) -> DualPathLosses:
    """Returns the losses with the gate of these streams, which see the labelled images alike."""
    both = StreamOutputs(visual, fused)
    target = Target(torch.zeros(2, 16, 16, dtype=torch.long), torch.ones(2, 16, 16))
    return dual_path_losses(config, visual, fused, strong, fusion_gate(config, both, target, both, strong))


def test_the_fusion_stream_teaches_where_it_is_better_and_never_learns_from_the_visual_one() -> None:
    config, strong = Config(path_weight=0.0), views(0.0, captioned())
    visual, fused = stream(0.0), stream(2.0)
    good = distilled(config, visual, fused, strong)
    good.total.backward()
    assert good.terms["better"] == 1
    assert fused.logits.grad is None
    assert visual.logits.grad is not None
    assert distilled(config, stream(2.0), stream(0.0), strong).total == 0


def test_the_masks_of_labelled_images_may_judge_the_fusion_stream() -> None:
    config, strong = Config(path_weight=0.0, gate="labelled"), views(1.0, captioned())  # pseudo labels say otherwise
    assert distilled(config, stream(0.0), stream(2.0), strong).terms["better"] == 1
    assert distilled(config, stream(2.0), stream(0.0), strong).terms["better"] == 0
    by_pseudo_labels = replace(config, gate="per_image")
    assert distilled(by_pseudo_labels, stream(0.0), stream(2.0), strong).terms["better"] == 0


def test_an_open_gate_teaches_always() -> None:
    config, strong = Config(path_weight=0.0, gate="always"), views(0.0, captioned())
    assert distilled(config, stream(2.0), stream(0.0), strong).total > 0


def test_without_captions_any_network_is_trained() -> None:
    method = viladiff(student="fpn-efficientnet_lite0", width=0.25, pretrained="none", captions=None)
    terms = method.losses(semi(streams=1), LATE).terms
    assert {"labelled", "pseudo", "region", "edge", "noise", "mended"} <= terms.keys()
    method.losses(semi(streams=1), LATE).total.backward()
    assert all(p.grad is not None for p in method.student.parameters())


def test_captions_need_a_network_that_reads_them() -> None:
    with pytest.raises(ValueError, match="only networks called vila-"):
        viladiff(student="pspnet-resnet18")


def test_thresholds_may_follow_the_teachers_guesses() -> None:
    method = viladiff(adapt="classes", adapt_momentum=0.0, captions=None, dropout=0.0)
    method.losses(semi(streams=1), EARLY)
    assert method.limits is not None
    thresholds = method.limits.thresholds()
    assert torch.isclose(thresholds.max(), method.limits.overall)
    assert thresholds.min() < thresholds.max()


def test_a_collapse_is_reported_once_training_is_under_way() -> None:
    terms = {"share/sky": 1.0, "labelled-share/sky": 0.5, "labelled-share/road": 0.5, "confident": 0.9}
    method = viladiff()
    assert method.training_warnings(terms, Progress(1, 10)) == {}
    assert set(method.training_warnings(terms, Progress(5, 10))) == {"collapse", "vanished"}


def test_memory_is_estimated_before_the_first_step() -> None:
    lines = viladiff().training_notes((32, 32), 2)
    assert lines[0].startswith("memory: about 0.")
    assert "4 views of 32x32" in lines[0]
    assert lines[1].startswith("denoiser: a pass takes")


def test_the_estimate_of_the_full_network_is_gigabytes_and_its_denoiser_small() -> None:
    classes = Classes(tuple(map(str, range(21))), ((0, 0, 0),) * 21)
    with torch.device("meta"):
        network = assemble_network(Architecture("vila-vit_b16"), len(classes))
        denoiser = LabelDenoiser(21, 128)
        (memory, _) = estimate_costs(network, CaptionFusion(256, 512), denoiser, (512, 512), 4)
    assert denoiser_share(network, denoiser, (512, 512)) < 0.05
    assert 5 < float(memory.split()[2]) < 15


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"threshold": 2.0}, "threshold: expected 0 to 1"),
        ({"streams": 2}, "streams: expected 1, as in Fig. 2"),
        ({"temperature": 0.0}, "temperature: expected above 0"),
        ({"flip_rate": 0.5}, "flip_rate and edge_rate: expected a sum of at most 0.5"),
        ({"mu": (1.0, -1.0, 0.0)}, "mu: expected 0 or more"),
        ({"denoising_steps": 0}, "expected 1 to 1000 steps"),
        ({"refine_from": 11}, "refine_from: expected 1 to denoising_steps, 10, got 11"),
        ({"refine_paths": 0}, "refine_paths: expected at least 1, got 0"),
        ({"refine": "recommended", "mix": "gaussian"}, "mix: refine: recommended takes flips, got gaussian"),
        ({"captions": "blip2", "student": "pspnet-resnet18"}, "captions: only networks called vila-"),
    ],
)
def test_impossible_values_are_refused_by_key(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**keys)  # type: ignore[arg-type]


def test_initial_weights_follow_from_the_seed_alone() -> None:
    first = viladiff().state_dict()
    torch.rand(3)
    assert all(torch.equal(value, first[name]) for name, value in viladiff().state_dict().items())


def test_half_precision_gives_finite_losses_in_single() -> None:
    method = viladiff()
    with torch.autocast("cpu", torch.bfloat16):
        losses = method.losses(captioned(), LATE)
    assert losses.total.dtype == torch.float32
    assert all(torch.isfinite(term) for term in losses.terms.values())


def test_a_step_of_void_alone_teaches_nothing_and_stays_finite() -> None:
    step = captioned()
    labels = torch.full_like(step.labelled.target.labels, IGNORE)
    empty = replace(step.labelled, target=replace(step.labelled.target, labels=labels))
    padded = replace(step.unlabelled, valid=torch.zeros_like(step.unlabelled.valid))
    losses = viladiff(**PREDICTED).losses(SemiStep(empty, padded), LATE)
    losses.total.backward()
    assert losses.terms["labelled"] == losses.terms["pseudo"] == 0
    assert torch.isfinite(losses.total)
