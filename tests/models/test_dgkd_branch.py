"""A branch of diffusion-guided distillation, held against the authors' code step by step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.golden_near import assert_near
from tests.models.test_diffkd import DGKD, our_name
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
NEAR = 1e-4  # of the largest value: theirs is float32, through some passes of the network; a step more changes 3e-2


def loaded(model: DenoisingDistillation, case: Case) -> DenoisingDistillation:
    weights = {
        name[3:].replace("__", "."): torch.from_numpy(value) for name, value in case.items() if name[:3] == "w__"
    }
    model.load_state_dict({our_name(name): value for name, value in weights.items()})
    return model.double().train(bool(case["training"]))


def tensor(case: Case, name: str) -> torch.Tensor:
    return torch.from_numpy(case[name]).double()


def branch(case: Case) -> DenoisingDistillation:
    """The variant of DGKD with the steps, kernel and schedule of the case."""
    steps, schedule = int(case["inference_steps"]), len(case["alphas_cumprod"])
    options = replace(DGKD, steps=steps, kernel=int(case["kernel_size"]), training_steps=schedule)
    model = DenoisingDistillation(case["student"].shape[1], case["teacher"].shape[1], options, correlation_loss)
    return loaded(model, case)


def published(case: Case) -> DenoisingDistillation:
    """DiffKD with the steps, kernel, code and bottleneck of the case."""
    channels, kernel = case["noise_pred"].shape[2], int(case["kernel_size"])
    hidden = case["w__model__pred__0__block__0__weight"].shape[0] if kernel == 3 else channels
    options = DenoisingOptions(
        steps=len(case["noise_pred"]),
        kernel=kernel,  # type: ignore[arg-type]
        code_channels=channels if case["use_ae"] else None,
        reduction=channels // hidden,
    )
    return loaded(DenoisingDistillation(case["student"].shape[1], case["teacher"].shape[1], options), case)


@pytest.mark.golden("weak", "ddim")
def test_losses_and_gradient_are_the_authors(case: Case) -> None:
    student, teacher, noise = (tensor(case, name) for name in ("student", "teacher", "noise"))
    model = branch(case)
    draws = DenoisingDraws(noise, noise, torch.from_numpy(case["timesteps_train"]))
    terms = model(student.requires_grad_(), teacher, draws)
    assert_near(terms["distillation"], case["dist_kd_loss"], 1e-5)
    assert_near(terms["denoising"], case["ddim_loss"], 1e-5)
    (gradient,) = torch.autograd.grad(sum(terms.values()), student)
    assert_near(gradient, case["grad_student_of_sum"], NEAR)
    noisy = model.schedule.add_noise(teacher, noise, draws.timesteps)
    assert_near(noisy, case["noisy_teacher"], 1e-6)


@pytest.mark.golden("weak", "ddim")
def test_each_step_of_denoising_is_the_authors(case: Case) -> None:
    model, seen = branch(case), []

    def predict(maps: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        seen.append((step.item(), maps.detach(), model.denoiser(maps, step).detach()))
        return seen[-1][2]

    last = model.schedule.denoise(predict, tensor(case, "student"), model.options.steps)
    assert [step for step, _, _ in seen] == case["infer_timesteps"].tolist()
    images = [maps for _, maps, _ in seen[1:]] + [last]
    assert_near(torch.stack(images), case["images"], NEAR)
    assert_near(torch.stack([noise for *_, noise in seen]), case["noise_pred"], NEAR)
    assert_near(model.project(last.detach()), case["refined_after_proj"], NEAR)
    assert_near(model.schedule.signal, case["alphas_cumprod"], 1e-6)


@pytest.mark.golden("weak", "diffkd_orig")
def test_diffkd_as_published_is_the_other_choice_of_parts(case: Case) -> None:
    student, teacher, model = tensor(case, "student"), tensor(case, "teacher"), published(case)
    draws = DenoisingDraws(
        tensor(case, "noise_adapter_noise"), tensor(case, "train_noise"), torch.from_numpy(case["timesteps_train"])
    )
    terms = model(student, teacher, draws)
    assert ("reconstruction" in terms) == bool(case["use_ae"])  # NaN in their code where there is none
    assert_near(terms["denoising"], case["ddim_loss"], 1e-5)
    if "reconstruction" in terms:
        assert_near(terms["reconstruction"], case["rec_loss"], 1e-5)


@pytest.mark.golden("weak", "diffkd_orig")
def test_what_diffkd_refines_is_the_authors(case: Case) -> None:
    student, model = tensor(case, "student"), published(case)
    assert_near(model.refine(student, tensor(case, "noise_adapter_noise")), case["refined"], NEAR)
    assert model.adapter is not None
    assert model.align is not None
    assert_near(model.adapter.share(model.align(student)), case["gamma"], 1e-5)


@pytest.mark.golden("weak", "dist_kd")
def test_the_distances_to_choose_from_are_the_authors(case: Case) -> None:
    student, teacher = tensor(case, "student").requires_grad_(), tensor(case, "teacher")
    own, other = (class_rows(maps).softmax(dim=0) for maps in (student, teacher))
    loss = correlation_loss(student, teacher)
    (gradient,) = torch.autograd.grad(loss, student)
    assert_near(between_classes(own, other), case["inter"], 1e-5)
    assert_near(within_classes(own, other), case["intra"], 1e-5)
    assert_near(loss, case["dist_loss"], 1e-5)
    assert_near(gradient, case["grad_student"], 1e-5)


@pytest.mark.golden("weak", "dist_kd")
def test_their_divergence_is_ours_but_for_what_it_is_divided_by(case: Case) -> None:
    student, teacher = tensor(case, "student"), tensor(case, "teacher")
    if student.ndim == 2:
        student, teacher = student[..., None, None], teacher[..., None, None]
    positions = student[0, 0].numel()
    assert_near(kl_divergence(student, teacher) * positions, case["kl_tau1_batchmean"], 1e-5)
    assert_near(elementwise_kl_divergence(student, teacher, 4.0) * 16, case["kl_tau4_mean"], 1e-5)


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
