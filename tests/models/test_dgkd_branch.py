"""A branch of diffusion-guided distillation, held against the authors' code step by step."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.models.test_diffkd import our_name
from torch import nn

from seglet.losses.distillation.dist import between_classes, class_rows, correlation_loss, within_classes
from seglet.losses.distillation.kl import elementwise_kl_divergence, kl_divergence
from seglet.models.diffusion.diffkd import (
    DenoisingDistillation,
    DenoisingDraws,
    DenoisingOptions,
    FeatureProjection,
    dgkd_branch,
)

Case = dict[str, np.ndarray]
NEAR = {"rtol": 1e-3, "atol": 2e-5}  # theirs is float32, through 5 passes of the network


def loaded(model: DenoisingDistillation, case: Case) -> DenoisingDistillation:
    weights = {
        name[3:].replace("__", "."): torch.from_numpy(value) for name, value in case.items() if name[:3] == "w__"
    }
    model.load_state_dict({our_name(name): value for name, value in weights.items()})
    return model.double().train(bool(case["training"]))


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name]).double()


@pytest.mark.golden("weak", "ddim")
def test_losses_and_gradient_are_the_authors(case: Case) -> None:
    student, teacher, noise = (tensor(case, name) for name in ("student", "teacher", "noise"))
    model = loaded(dgkd_branch(student.shape[1], correlation_loss), case)
    draws = DenoisingDraws(noise, noise, torch.from_numpy(case["timesteps_train"]))
    terms = model(student.requires_grad_(), teacher, draws)
    np.testing.assert_allclose(terms["distillation"].item(), case["dist_kd_loss"], rtol=1e-4)
    np.testing.assert_allclose(terms["denoising"].item(), case["ddim_loss"], rtol=1e-4)
    (gradient,) = torch.autograd.grad(sum(terms.values()), student)
    np.testing.assert_allclose(gradient, case["grad_student_of_sum"], **NEAR)


@pytest.mark.golden("weak", "ddim")
def test_each_step_of_denoising_is_the_authors(case: Case) -> None:
    model, seen = loaded(dgkd_branch(case["student"].shape[1], correlation_loss), case), []

    def predict(maps: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        seen.append((step.item(), maps.detach(), model.denoiser(maps, step).detach()))
        return seen[-1][2]

    last = model.schedule.denoise(predict, tensor(case, "student"), int(case["inference_steps"]))
    assert [step for step, _, _ in seen] == case["infer_timesteps"].tolist()
    images = [maps for _, maps, _ in seen[1:]] + [last]
    np.testing.assert_allclose(torch.stack(images), case["images"], **NEAR)
    np.testing.assert_allclose(torch.stack([noise for *_, noise in seen]), case["noise_pred"], **NEAR)


@pytest.mark.golden("weak", "diffkd_orig")
def test_diffkd_as_published_is_the_other_choice_of_parts(case: Case) -> None:
    student, teacher = tensor(case, "student"), tensor(case, "teacher")
    code = case["noise_pred"].shape[2] if case["use_ae"] else None
    model = loaded(
        DenoisingDistillation(student.shape[1], teacher.shape[1], DenoisingOptions(code_channels=code)), case
    )
    draws = DenoisingDraws(
        tensor(case, "noise_adapter_noise"), tensor(case, "train_noise"), torch.from_numpy(case["timesteps_train"])
    )
    terms = model(student, teacher, draws)
    assert ("reconstruction" in terms) == bool(case["use_ae"])  # NaN in their code where there is none
    np.testing.assert_allclose(terms["denoising"].item(), case["ddim_loss"], rtol=1e-4)
    if "reconstruction" in terms:
        np.testing.assert_allclose(terms["reconstruction"].item(), case["rec_loss"], rtol=1e-4)


@pytest.mark.golden("weak", "diffkd_orig")
def test_what_diffkd_refines_is_the_authors(case: Case) -> None:
    code = case["noise_pred"].shape[2] if case["use_ae"] else None
    student = tensor(case, "student")
    model = loaded(
        DenoisingDistillation(student.shape[1], case["teacher"].shape[1], DenoisingOptions(code_channels=code)), case
    )
    refined = model.refine(student, tensor(case, "noise_adapter_noise"))
    np.testing.assert_allclose(refined.detach(), case["refined"], **NEAR)


@pytest.mark.golden("weak", "dist_kd")
def test_the_distances_to_choose_from_are_the_authors(case: Case) -> None:
    student, teacher = tensor(case, "student").requires_grad_(), tensor(case, "teacher")
    own, other = (class_rows(maps).softmax(dim=0) for maps in (student, teacher))
    loss = correlation_loss(student, teacher)
    (gradient,) = torch.autograd.grad(loss, student)
    np.testing.assert_allclose(between_classes(own, other).item(), case["inter"], rtol=1e-5)
    np.testing.assert_allclose(within_classes(own, other).item(), case["intra"], rtol=1e-5)
    np.testing.assert_allclose(loss.item(), case["dist_loss"], rtol=1e-5)
    np.testing.assert_allclose(gradient, case["grad_student"], rtol=1e-3, atol=1e-6)


@pytest.mark.golden("weak", "dist_kd")
def test_their_divergence_is_ours_but_for_what_it_is_divided_by(case: Case) -> None:
    student, teacher = tensor(case, "student"), tensor(case, "teacher")
    if student.ndim == 2:
        student, teacher = student[..., None, None], teacher[..., None, None]
    positions = student[0, 0].numel()
    np.testing.assert_allclose(kl_divergence(student, teacher) * positions, case["kl_tau1_batchmean"], rtol=1e-5)
    softer = elementwise_kl_divergence(student, teacher, 4.0) * 16
    np.testing.assert_allclose(softer, case["kl_tau4_mean"], rtol=1e-5)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_branches_and_projections_are_as_large_as_the_authors() -> None:
    assert round(parameters(dgkd_branch(21, F.mse_loss)) / 1e3, 1) == 38.0
    assert round(parameters(dgkd_branch(256, F.mse_loss)) / 1e6, 3) == 1.907
    assert round(parameters(FeatureProjection(256)) / 1e6, 3) == 0.591
    with torch.device("meta"):
        assert round(parameters(FeatureProjection(4096)) / 1e6, 3) == 9.438


def test_a_projection_keeps_size_and_is_never_negative() -> None:
    projected = FeatureProjection(5, 7).eval()(torch.randn(2, 5, 4, 6))
    assert projected.shape == (2, 7, 4, 6)
    assert projected.min() >= 0
