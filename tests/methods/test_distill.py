from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.methods.toys import CLASSES, SMALL, fotf, labelled, teacher
from torch import Tensor

from seglet.methods.distill import Config, Method
from seglet.methods.distill.tapped_term import TappedTerm
from seglet.methods.distill.terms import TERMS
from seglet.methods.distill.terms.networks import AfDCDTerm
from seglet.types import IGNORE, Labelled, Progress, Target

NOW = Progress(0, 10, seed=3, common_seed=4)
ALL = tuple("afdcd pool=1" if name == "afdcd" else name for name in TERMS)
every_term = pytest.mark.parametrize("term", ALL)


@pytest.fixture
def distill(tmp_path: Path):
    def build(*terms: str, teaching: dict[str, object] | None = None, **changes: object) -> Method:
        folder = tmp_path / "teacher"
        teacher(**(teaching or {})).save(folder)
        config = Config(**{**SMALL, "teacher": str(folder), "terms": terms or ("kl",), **changes})
        return Method.build(config, CLASSES, seed=0).train()

    return build


def total(method: Method, batch: Labelled | None = None) -> Tensor:
    return method.losses(batch or labelled(), NOW).total


def void() -> Labelled:
    batch = labelled()
    return replace(batch, target=Target(torch.full_like(batch.target.labels, IGNORE), batch.target.weight))


def test_the_total_is_the_weighted_sum_of_all_terms(distill) -> None:
    losses = distill("kl weight=2", "cirkd-memory pixel=0.5 region=0.25 weight=3").losses(labelled(), NOW)
    terms = losses.terms
    expected = terms["task"] + 0.4 * terms["auxiliary"] + 2 * terms["kl"]
    expected += 1.5 * terms["cirkd-memory-pixel"] + 0.75 * terms["cirkd-memory-region"]
    torch.testing.assert_close(losses.total, expected)


def test_with_kl_alone_it_is_plain_distillation(distill) -> None:
    assert total(distill("kl")) == fotf(weigh_kd=False, weigh_task=False).losses(labelled(), NOW).total


def test_with_kl_and_weights_it_is_fotf(distill) -> None:
    ours, theirs = distill("kl", weigh_kd=True, weigh_task=True).losses(labelled(), NOW), fotf().losses(labelled(), NOW)
    assert ours.total == theirs.total
    assert ours.terms["weight_mean"] == theirs.terms["weight_mean"] > 1


def test_weights_change_kl_and_task_and_no_other_term(distill) -> None:
    terms = ("kl", "cirkd-minibatch", "ifvd")
    plain = distill(*terms).losses(labelled(), NOW).terms
    weighed = distill(*terms, weigh_kd=True, weigh_task=True).losses(labelled(), NOW).terms
    assert {name for name in plain if plain[name] != weighed[name]} == {"task", "kl"}


@every_term
def test_a_term_takes_a_step_and_trains_the_student(distill, term: str) -> None:
    method = distill(term, task_weight=0.0, teaching={"width": 0.25})
    total(method).backward()
    assert any(bool(p.grad.abs().sum() > 0) for p in method.student.parameters() if p.grad is not None)
    assert all(p.grad is None for p in method.teacher.parameters())


@every_term
def test_nothing_annotated_stays_finite(distill, term: str) -> None:
    losses = distill(term).losses(void(), NOW)
    losses.total.backward()
    assert all(torch.isfinite(value) for value in losses.terms.values())


@every_term
def test_activations_of_ten_thousand_stay_finite(distill, term: str) -> None:
    method = distill(term)
    with torch.no_grad():
        for network in (method.student.network, method.teacher.network):
            network.head.tail.classifier.weight.mul_(1e4)
            network.backbone.layer4[-1].register_forward_hook(lambda module, inputs, output: 1e4 * output)
    losses = method.losses(labelled(), NOW)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.grad is not None)


@every_term
def test_a_batch_of_one_is_finite(distill, term: str) -> None:
    method = distill(term, student="segformer-mit_b0", auxiliary_weight=0.0)
    batch = labelled(size=256 if term.startswith("afdcd") else 64)
    one = replace(
        batch, ids=("a",), images=batch.images[:1], target=Target(batch.target.labels[:1], batch.target.weight[:1])
    )
    assert torch.isfinite(total(method, one))


@every_term
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_every_term_finite(distill, term: str, dtype: torch.dtype) -> None:
    method = distill(term)
    with torch.autocast("cpu", dtype=dtype):
        losses = method.losses(labelled(), NOW)
    assert all(value.dtype == torch.float32 and torch.isfinite(value) for value in losses.terms.values())


def test_a_step_depends_on_its_seeds_alone(distill) -> None:
    terms = ("holistic width=4", "diffkd", "cirkd-memory", "afdcd pool=1")
    first = total(distill(*terms))
    torch.rand(3)  # someone else draws
    assert total(distill(*terms)) == first


def test_maps_of_different_sizes_and_widths_are_resized_and_adapted(distill) -> None:
    unlike = {"teaching": {"width": 0.25, "output_stride": 16}}
    for way in ("teacher", "student"):
        terms = distill("kl", f"mse resize={way}", f"skd resize={way}", **unlike).losses(labelled(), NOW).terms
        assert all(torch.isfinite(value) for value in terms.values())


def test_different_sizes_are_refused_when_nothing_may_be_resized(distill) -> None:
    with pytest.raises(ValueError, match=r"term mse: maps of \(4, 4\) and \(2, 2\).*resize=teacher or resize=student"):
        total(distill("mse resize=none", teaching={"output_stride": 16}))


def test_weights_follow_a_student_that_is_resized(distill) -> None:
    method = distill("kl resize=student", weigh_kd=True, kd_merge="logits", teaching={"output_stride": 16})
    assert torch.isfinite(total(method))


def test_channels_are_adapted_only_where_necessary(distill) -> None:
    method = distill("mse", "cwd tap=logits", "skd", teaching={"width": 0.25})
    adapted = {tapped.spec.name: tapped.adaptor is not None for tapped in method.tapped}
    assert adapted == {"mse": True, "cwd": False, "skd": False}


@pytest.mark.parametrize("name", ["mgd", "afdcd pool=1", "diffkd", "cirkd-memory", "cirkd-minibatch", "ifvd", "ofa"])
def test_terms_that_need_no_adaptor_take_one(distill, name: str) -> None:
    method = distill(f"{name} adaptor=bias", teaching={"width": 0.25}, task_weight=0.0)
    total(method).backward()
    assert all(p.grad is not None for p in method.tapped[0].parameters() if p.requires_grad)


def test_a_necessary_adaptor_must_not_be_forbidden(distill) -> None:
    with pytest.raises(ValueError, match=r"term mse: the student has 16 channels at 'feature', the teacher 32"):
        distill("mse adaptor=none", teaching={"width": 0.25})


def test_taps_are_checked_when_the_method_is_built(distill) -> None:
    with pytest.raises(ValueError, match="in the student the tap at 'head' never fired"):
        distill("mse tap=head")
    with pytest.raises(ValueError, match=r"in the teacher there is nothing to tap at 'backbone\.layer7'"):
        distill("mse teacher_tap=backbone.layer7")


def test_a_missing_teacher_is_refused() -> None:
    with pytest.raises(ValueError, match="teacher: expected a saved segmenter"):
        Method.build(Config(**SMALL), CLASSES, seed=0)


def test_distillation_needs_no_masks(distill) -> None:
    assert set(distill("kl", task_weight=0.0).losses(labelled(), NOW).terms) == {"kl"}


def test_networks_of_terms_are_not_saved_with_the_student(distill) -> None:
    plain, rich = distill("kl"), distill("mse adaptor=plain", "holistic", "diffkd")
    assert rich.student.state_dict().keys() == plain.student.state_dict().keys()
    assert not any(name.startswith("teacher") for name in rich.state_dict())


def test_the_discriminator_is_an_adversary_and_the_student_does_not_train_it(distill) -> None:
    method = distill("holistic discriminator=0", task_weight=0.0)
    total(method).backward()
    judges = list(method.adversaries().parameters())
    assert judges
    assert all(p.grad is None or not p.grad.any() for p in judges)


def test_a_discriminator_of_weight_zero_is_not_run(distill) -> None:
    assert "holistic-discriminator" not in distill("holistic adversarial=0").losses(labelled(), NOW).terms


def test_queues_are_named_as_buffers_that_need_no_broadcast(distill) -> None:
    method = distill("kl", "cirkd-memory")
    assert set(method.unsynchronised_buffers()) <= {name for name, _ in method.named_buffers()}
    assert len(method.unsynchronised_buffers()) == 4


def test_only_the_reconstruction_of_afdcd_is_clipped(distill) -> None:
    method = distill("afdcd pool=1 clip=0.5 distance=1")
    total(method).backward()
    others = [p.grad.clone() for p in method.student.parameters() if p.grad is not None]
    method.before_step()
    (term,) = (tapped.term for tapped in method.tapped if isinstance(tapped.term, AfDCDTerm))
    norm = torch.stack([p.grad.norm() for p in term.masking.redraw.parameters() if p.grad is not None]).norm()
    assert norm == pytest.approx(0.5, rel=1e-4)
    assert all(torch.equal(a, p.grad) for a, p in zip(others, method.student.parameters(), strict=True))  # type: ignore[arg-type]


def test_memory_is_estimated_before_training(distill) -> None:
    notes = distill("kl", "cirkd-minibatch budget=0", "cirkd-memory").training_notes((512, 1024), 2)
    assert notes[0] == "term kl: weight 1 at logits, 3 → 3 channels"
    assert "MiB for 2 maps of 64x128" in notes[1]
    assert "MiB for 2 maps of 64x128" in notes[2]


def test_the_sample_behind_a_non_finite_loss_is_named(distill) -> None:
    batch = labelled()
    images = batch.images.clone()
    images[1, 0, 0, 0] = torch.nan
    method = distill("kl", student="segformer-mit_b0", auxiliary_weight=0.0)
    broken = replace(batch, images=images)
    assert not torch.isfinite(total(method, broken))
    assert method.diagnose_non_finite(broken, NOW) == ["sample 'b': its image is not finite"]


def test_values_spread_by_batch_normalisation_name_all_samples(distill) -> None:
    method = distill("kl")
    next(method.student.parameters()).data.fill_(torch.nan)
    assert method.diagnose_non_finite(labelled(), NOW) == ["all samples: logits of the student are not finite"]


def test_the_term_behind_a_non_finite_loss_is_named(distill, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = TappedTerm.forward

    def broken(self: TappedTerm, pair):
        parts = forward(self, pair)
        bad = bool((pair.student[0] == first).all())
        return {name: part._replace(value=part.value / 0 if bad else part.value) for name, part in parts.items()}

    method = distill("kl", dropout=0.0)
    first = method.eval().student.network(labelled().images).logits[0]
    monkeypatch.setattr(TappedTerm, "forward", broken)
    assert method.diagnose_non_finite(labelled(), NOW) == ["sample 'a': kl is inf"]


def test_the_teacher_can_be_scored(distill) -> None:
    (name, predict), *others = distill("kl").reference_predictions().items()
    assert (name, others) == ("teacher", [])
    assert predict(labelled().images).shape == (2, 3, 32, 32)
    assert distill("kl", score_teacher=False).reference_predictions() == {}


def test_images_without_masks_join_unless_every_term_leaves_them_out() -> None:
    assert Config(terms=("kl mask_ignored=true", "cwd")).unlabelled_obstacle == ""
    with pytest.raises(ValueError, match=r"unlabelled_share: .* all terms have mask_ignored=true"):
        Config(terms=("kl mask_ignored=true",), unlabelled_share=0.5)


def test_the_generalised_form_is_an_option_of_kl_alone(distill) -> None:
    ours = distill("kl form=generalised", weigh_kd=True, weigh_task=True).losses(labelled(), NOW)
    theirs = fotf(kd_form="generalised").losses(labelled(), NOW)
    assert ours.total == theirs.total
    assert ours.terms["tilt"] == theirs.terms["tilt"] == 0
    with pytest.raises(ValueError, match="form: generalised is there for reduction=cirkd alone"):
        distill("kl form=generalised reduction=ifvd")


def test_the_teachers_entropy_weighs_and_training_warns_as_in_fotf(distill) -> None:
    method = distill("kl", "cwd", weigh_kd=True, uncertainty="teacher-entropy")
    terms = method.losses(labelled(), NOW).terms
    assert terms["weight_max"] > terms["weight_mean"] > 1
    assert terms["weight_effective"] > 1
    assert method.training_warnings({"kl": -1.0}, NOW).keys() == {"negative"}
    assert method.training_warnings({"cwd": -1.0}, NOW) == {}
