from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.methods.toys import labelled
from tests.models.tiny import images
from torch.utils.flop_counter import FlopCounterMode

from seglet.methods.dgkd import Config, Method
from seglet.methods.dgkd.branches import Branches, SameProjection
from seglet.models.architecture import DepthGuidance
from seglet.models.assembly import assemble_network
from seglet.models.diffusion.diffkd import FeatureProjection
from seglet.models.segmenter import Architecture, build, load
from seglet.types import Classes, Labelled, Progress, Tagged

CLASSES = Classes(("background", "road", "car"), ((0, 0, 0), (128, 128, 128), (255, 0, 0)))
SMALL = {"student": "ssss-resnet18", "width": 0.0625, "projected": 8, "depth": "nowhere/unread"}
EARLY, LATE = Progress(0, 10, seed=3), Progress(9, 10, seed=3)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("teacher") / "model"
    build(Architecture("ssss-resnet18", width=0.0625), CLASSES, seed=1).save(folder)
    return str(folder)


def columns() -> dict[str, torch.Tensor]:
    light = labelled().images
    return {"light": light, "depth": torch.linspace(0, 1, 32).expand(2, 32, 32)}


def tagged() -> Tagged:
    batch = labelled()
    return Tagged(batch.ids, batch.images * 0.1, torch.tensor([[0.0, 1, 0], [0.0, 1, 1]]), batch.crop, columns())


def dgkd(teacher: str | None, **changes: Any) -> Method:
    return Method.build(Config(**{**SMALL, "teacher": teacher, **changes}), CLASSES, seed=0).train()


def test_every_term_of_the_objective_starts_at_its_time(teacher: str) -> None:
    method = dgkd(teacher, mask_start=0.5)
    early, late = method.losses(tagged(), EARLY).terms, method.losses(tagged(), LATE).terms
    kinds = {f"{name}-{kind}" for name in ("shallow", "deep", "mask") for kind in ("distillation", "denoising")}
    assert set(early) == {"tags", *kinds}
    assert set(late) == {"tags", "masks", "confident", *kinds}


def test_the_total_is_the_sum_of_equation_14(teacher: str) -> None:
    losses = dgkd(teacher, mask_weight=2.0, distil_weight=3.0).losses(tagged(), LATE)
    terms = dict(losses.terms)
    terms.pop("confident")
    task = terms.pop("tags") + 2 * terms.pop("masks")
    torch.testing.assert_close(losses.total, task + 3 * sum(terms.values()))


def test_denoisers_learn_alone_before_the_student_is_taught(teacher: str) -> None:
    method = dgkd(teacher, distil_start=0.5)
    early, late = method.losses(tagged(), EARLY), method.losses(tagged(), LATE)
    assert early.terms["mask-weight"] == 0
    assert late.terms["mask-weight"] == 1
    denoising = sum(value for name, value in early.terms.items() if name.endswith("-denoising"))
    torch.testing.assert_close(early.total, early.terms["tags"] + denoising)
    plain = dgkd(teacher).losses(tagged(), LATE)
    torch.testing.assert_close(late.total, plain.total)


def test_a_branch_teaches_by_what_its_denoiser_knows(teacher: str) -> None:
    method = dgkd(teacher, distil_follow=True, distil="masks")
    assert method.branches.trust({"mask-denoising": torch.tensor(1.0)})["mask"] == 0  # as on the first step
    method.branches.errors.fill_(0.5)
    trust = method.branches.trust({"mask-denoising": torch.tensor(0.1)})
    torch.testing.assert_close(trust["mask"], torch.tensor(1 - (0.95 * 0.5 + 0.05 * 0.1)))
    losses = method.losses(tagged(), EARLY)
    expected = losses.terms["tags"] + losses.terms["mask-denoising"]
    expected = expected + losses.terms["mask-weight"] * losses.terms["mask-distillation"]
    torch.testing.assert_close(losses.total, expected)
    assert "branches.errors" in method.state_dict()  # a resumed run goes on with it


def test_what_a_denoiser_does_not_know_is_compared_as_it_is(teacher: str) -> None:
    method = dgkd(teacher, distil_follow=True, distil_direct=True, distil="masks")
    method.branches.errors.fill_(0.75)
    terms = (losses := method.losses(tagged(), EARLY)).terms
    weight = terms["mask-weight"]
    expected = terms["tags"] + terms["mask-denoising"] + weight * terms["mask-distillation"]
    torch.testing.assert_close(losses.total, expected + (1 - weight) * terms["mask-direct"])
    raw = dgkd(teacher, denoise=False, distil="masks").losses(tagged(), EARLY)
    torch.testing.assert_close(terms["mask-direct"], raw.terms["mask-distillation"])
    with pytest.raises(ValueError, match="distil_direct: expected false without distil_start"):
        Config(teacher=teacher, distil_direct=True)


def test_a_denoiser_that_knows_nothing_and_teaches_is_warned_of(teacher: str) -> None:
    method = dgkd(teacher)
    terms = {"mask-denoising": 1.02, "mask-distillation": 2.0, "deep-denoising": 0.4, "deep-distillation": 1.0}
    found = method.training_warnings(terms, EARLY)
    assert list(found) == ["mask-denoising"]
    assert "has an error of 1.02" in found["mask-denoising"]
    assert not method.training_warnings({**terms, "mask-weight": 0.0}, EARLY)


def test_a_closed_gate_makes_depth_fusion_neutral_at_first(teacher: str) -> None:
    colours, depth = images(2, 32, 32), torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    planes = torch.cat([colours, depth], dim=1)
    gated, plain = dgkd(teacher, fusion="dgf2", fusion_gate=True).eval(), dgkd(teacher, fusion="dgf2").eval()
    alone = dgkd(teacher, fusion="none").eval()
    weights = alone.student.network.state_dict()
    for method in (gated, plain):
        method.student.network.load_state_dict({**method.student.network.state_dict(), **weights})
    expected = alone.student.network(colours).logits
    torch.testing.assert_close(gated.student.network(planes).logits, expected)
    assert not torch.allclose(plain.student.network(planes).logits, expected)
    assert gated.student.architecture.as_dict()["depth"]["gate"]
    assert "gate" not in plain.student.architecture.as_dict()["depth"]
    with pytest.raises(ValueError, match="the gate is one of dgf2"):
        Config(**{**SMALL, "distil": "none", "fusion": "sft", "fusion_gate": True})


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"distil": "features"}, {"shallow-distillation", "shallow-denoising", "deep-distillation", "deep-denoising"}),
        ({"distil": "masks"}, {"mask-distillation", "mask-denoising"}),
        ({"distil": "features", "denoise": False, "distance": "mse"}, {"shallow-distillation", "deep-distillation"}),
        ({"distil": "none", "teacher": None}, set()),
    ],
)
def test_each_row_of_table_2a_has_its_terms(teacher: str, keys: dict[str, Any], names: set[str]) -> None:
    losses = dgkd(**{"teacher": teacher, **keys}).losses(tagged(), EARLY)
    assert set(losses.terms) == {"tags", *names}
    losses.total.backward()


@pytest.mark.parametrize("distance", ["dist", "kl", "mse"])
@pytest.mark.parametrize("projection", ["same", "own", "none"])
def test_distances_and_projections_give_finite_losses_and_gradients(
    teacher: str, distance: str, projection: str
) -> None:
    method = dgkd(teacher, distance=distance, projection=projection)
    method.losses(tagged(), LATE).total.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())
    assert all(p.grad is not None for p in method.student.network.backbone.parameters())


@pytest.mark.parametrize(("masks_at", "side"), [("images", 32), ("logits", 8)])
def test_masks_are_compared_at_the_chosen_size(teacher: str, masks_at: str, side: int) -> None:
    method, sizes = dgkd(teacher, masks_at=masks_at, distil="masks"), []
    method.branches.parts["mask"].register_forward_pre_hook(lambda part, given: sizes.append(given[0].shape[2:]))
    method.losses(tagged(), EARLY)
    assert sizes == [(side, side)]


def test_gradients_reach_student_and_denoisers_but_not_the_teacher(teacher: str) -> None:
    method = dgkd(teacher, projection="own")
    method.losses(tagged(), LATE).total.backward()
    assert method.teacher is not None
    assert all(p.grad is None for p in method.teacher.parameters())
    drawn = [part for part in method.branches.modules() if isinstance(part, FeatureProjection)]
    assert [all(p.requires_grad for p in part.parameters()) for part in drawn] == [True, False, True, False]
    assert all(p.grad is not None for denoiser in method.branches.denoisers for p in denoiser.denoiser.parameters())


def test_the_same_projection_is_shared_and_never_trained() -> None:
    shared = SameProjection(4, 8)
    assert not any(p.requires_grad for p in shared.parameters())
    maps = torch.randn(2, 4, 5, 5)
    torch.testing.assert_close(shared(maps), shared(3 * maps), rtol=1e-3, atol=1e-3)  # scale is no difference


@pytest.mark.parametrize("student", ["ssss-resnet18", "ssss-clip_tiny"])
@pytest.mark.parametrize("fusion", ["dgf2", "sft"])
@pytest.mark.parametrize("places", [1, 3])
def test_depth_reaches_the_student_in_every_way_of_table_2b(student: str, fusion: str, places: int) -> None:
    method = dgkd(None, distil="none", fusion=fusion, places=places, student=student)
    method.losses(tagged(), EARLY).total.backward()
    fusion_layers = method.student.network.backbone.fusion
    assert fusion_layers is not None
    assert len(fusion_layers.transforms) == places
    assert all(p.grad is not None and p.grad.isfinite().all() for p in fusion_layers.parameters())


def test_without_fusion_the_student_takes_colour_images_alone(teacher: str) -> None:
    method = dgkd(teacher, fusion="none")
    step = replace(tagged(), columns={"light": labelled().images})
    assert method.losses(step, EARLY).total.isfinite()
    assert Method.producers(method.config, CLASSES) == () == Method.validation_columns(method.config)


def test_one_step_lowers_the_loss(teacher: str) -> None:
    method = dgkd(teacher, mask_weight=0.0)
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.01)
    before = method.losses(tagged(), EARLY).total
    before.backward()
    optimiser.step()
    assert method.losses(tagged(), EARLY).total < before


def test_a_step_depends_on_its_own_seed_alone(teacher: str) -> None:
    method = dgkd(teacher)
    state = {name: value.clone() for name, value in method.state_dict().items()}
    first = method.losses(tagged(), LATE).total
    torch.rand(3)  # someone else draws
    method.load_state_dict(state)  # batch norms have moved
    assert method.losses(tagged(), LATE).total == first


def test_masks_instead_of_tags_can_train_any_network(tmp_path: Path) -> None:
    build(Architecture("pspnet-resnet18", width=0.0625), CLASSES, seed=1).save(tmp_path / "lit")
    method = dgkd(str(tmp_path / "lit"), learns_from="masks", student="pspnet-resnet18")
    batch = labelled()
    step = Labelled(batch.ids, batch.images, batch.target, batch.crop, columns())
    assert method.supervision is Labelled
    losses = method.losses(step, EARLY)
    assert {"task", "mask-distillation", "deep-denoising"} <= set(losses.terms)
    losses.total.backward()


def test_prediction_needs_depth_and_is_at_the_size_of_the_images(teacher: str) -> None:
    method = dgkd(teacher).eval()
    with torch.no_grad():
        assert method.predict(torch.rand(2, 4, 32, 40)).shape == (2, 3, 32, 40)
        assert method.reference_predictions()["teacher in the dark"](torch.rand(2, 4, 32, 40)).shape == (2, 3, 32, 40)
        with pytest.raises(ValueError, match="expected images of 4 planes, got 3; give depth as a fourth plane"):
            method.predict(torch.rand(2, 3, 32, 40))


def test_the_saved_segmenter_holds_the_student_alone(teacher: str, tmp_path: Path) -> None:
    method = dgkd(teacher, depth="some/depth", depth_brighten="gamma")
    method.segmenter().save(tmp_path / "model")
    again = load(tmp_path / "model")
    plain = build(Architecture("ssss-resnet18", width=0.0625), CLASSES)
    fusion_layers = method.student.network.backbone.fusion
    assert fusion_layers is not None
    assert count(again) == count(plain) + count(fusion_layers)
    assert again.architecture.depth == DepthGuidance("dgf2", 3, 0.5, False, "some/depth", "gamma")


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


class Unchanged(torch.nn.Identity):
    """Takes the place of a normalisation, whose checks need values; backbones read its number of channels."""

    mean = torch.zeros(1, 3, 1, 1)


def cost(guide: DepthGuidance | None, projections: bool = False, name: str = "ssss-wideresnet38") -> tuple[int, float]:
    """Returns parameters and multiply-adds (in units of 1e9) of an SSSS at 321 x 321 and 21 classes."""
    with torch.device("meta"):
        network = assemble_network(Architecture(name, depth=guide), 21).eval()
        network.backbone.normalise = Unchanged()  # type: ignore[assignment]
        heads = [FeatureProjection(256).eval(), FeatureProjection(4096).eval()] if projections else []
        images = torch.zeros(1, 3 if guide is None else 4, 321, 321)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(images)
        for head, inside, side in zip(heads, (256, 4096), (81, 41), strict=False):
            head(torch.zeros(1, inside, side, side, device="meta"))
    return count(network) + sum(map(count, heads)), counter.get_total_flops() / 2e9


def test_the_student_costs_no_more_than_equations_8_to_13() -> None:
    parameters, work = cost(None)
    assert (parameters, round(work, 1)) == (137_973_172, 276.6)
    parameters, work = cost(DepthGuidance())
    assert (parameters, round(work, 1)) == (137_973_172 + 215_968, 278.2)


def test_a_vision_transformer_has_a_fifth_of_the_work() -> None:
    parameters, work = cost(None, name="ssss-vit_b16")
    assert (parameters, round(work, 1)) == (94_151_028, 54.4)
    parameters, work = cost(DepthGuidance(), name="ssss-vit_b16")
    assert (parameters, round(work, 1)) == (94_151_028 + 399_008, 55.0)


def test_with_its_projections_the_student_has_the_size_and_cost_of_the_authors() -> None:
    parameters, work = cost(DepthGuidance(), projections=True)
    assert (parameters, round(work, 1)) == (148_217_684, 297.9)


def test_compat_official_has_all_departures_of_the_authors_code(teacher: str) -> None:
    method = dgkd(teacher, compat="official", projection="own")
    architecture = method.student.architecture
    assert architecture.depth is not None
    assert architecture.depth.official
    assert (architecture.mean, architecture.std) == ((0, 0, 0), (1, 1, 1))
    images = torch.rand(1, 3, 8, 8)
    assert method.teacher is not None
    assert torch.equal(method.teacher.network.backbone.normalise(images), images)  # golden dgkd_head
    assert method.losses(tagged(), LATE).total.isfinite()


def test_black_images_and_constant_depth_stay_finite(teacher: str) -> None:
    black = {"light": torch.zeros(2, 3, 32, 32), "depth": torch.zeros(2, 32, 32)}
    losses = dgkd(teacher).losses(replace(tagged(), images=torch.zeros(2, 3, 32, 32), columns=black), LATE)
    losses.total.backward()
    assert all(torch.isfinite(term) for term in losses.terms.values())


@pytest.mark.parametrize("keys", [{}, {"denoise": False, "projection": "none"}, {"projection": "own"}])
def test_half_precision_stays_finite(teacher: str, keys: dict[str, Any]) -> None:
    method = dgkd(teacher, **keys)
    with torch.autocast("cpu", torch.bfloat16):
        losses = method.losses(tagged(), LATE)
    losses.total.backward()
    assert all(torch.isfinite(term) for term in losses.terms.values())
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.parameters())


@pytest.mark.parametrize("lacking", ["light", "depth"])
def test_a_step_without_light_or_depth_says_what_is_missing(teacher: str, lacking: str) -> None:
    there = {name: column for name, column in columns().items() if name != lacking}
    with pytest.raises(ValueError, match=f"needs {'light images' if lacking == 'light' else 'depth'} and the step"):
        dgkd(teacher).losses(replace(tagged(), columns=there), EARLY)


def test_a_teacher_that_does_not_fit_is_refused(teacher: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a saved segmenter trained on light images"):
        dgkd(None)
    other = Classes(("background", "cat"), ((0, 0, 0), (1, 1, 1)))
    for name, architecture, classes in (
        ("other classes", Architecture("ssss-resnet18", width=0.0625), other),
        ("needs depth", Architecture("ssss-resnet18", width=0.0625, depth=DepthGuidance()), CLASSES),
        ("PSPHead", Architecture("pspnet-resnet18", width=0.0625), CLASSES),
        ("channels", Architecture("ssss-resnet18", width=0.125), CLASSES),
    ):
        build(architecture, classes).save(tmp_path / name)
        with pytest.raises(ValueError, match="different classes" if name == "other classes" else name):
            dgkd(str(tmp_path / name))


def test_classes_must_begin_with_the_background(teacher: str) -> None:
    with pytest.raises(ValueError, match="expected the background as class 0"):
        Method.build(Config(**SMALL, teacher=teacher), Classes(("sky",), ((0, 0, 0),)), seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"denoise_steps": 0}, "denoise_steps: expected at least 1"),
        ({"places": 4}, "at 1 to 3 places"),
        ({"fusion_weight": 2.0}, "a weight from 0 to 1"),
        ({"compat": "official"}, "official needs own, got same"),
        ({"student": "pspnet-resnet18"}, "expected ssss-BACKBONE"),
        ({"distil_weight": -1.0}, "distil_weight: expected 0 or more"),
        ({"auxiliary_weight": 0.4}, "auxiliary_weight: expected 0"),
        ({"least_score": 2.0}, "least_score: expected 0 to 1"),
        ({"mask_start": 2.0}, "mask_start: expected 0 to 1"),
    ],
)
def test_impossible_values_are_refused_by_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**keys)


def test_without_branches_there_are_no_parameters() -> None:
    assert count(Branches(Config(distil="none"), {})) == 0
