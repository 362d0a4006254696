from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.models.golden_check import Case, error, input_of, output_of
from torch import Tensor

from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.kl import kl_divergence
from seglet.models.diffusion.diffkd import (
    DenoisingDistillation,
    DenoisingDraws,
    DenoisingOptions,
    FeatureComparison,
    draw_denoising,
)
from seglet.models.layers.initialise import initialise_weights

TOLERANCES = [(torch.float32, 1e-4), (torch.float64, 1e-7)]  # their table of signal is float32
DGKD = DenoisingOptions(reduction=1, align=False, mix_noise=False)
NAMES = {
    "ddim.": "",
    "noise_adapter.feat.0.block": "adapter.layers.block",
    "noise_adapter.feat": "adapter.layers",
    "noise_adapter.pred": "adapter.decide",
    "model.time_embedding": "denoiser.timestep",
    "model.pred": "denoiser.layers",
    "ae.encoder": "autoencoder.encoder",
    "ae.decoder.0": "autoencoder.decoder",
    "trans": "align",
    "proj": "project",
}


def our_name(official: str) -> str:
    for theirs, ours in NAMES.items():
        official = official.replace(theirs, ours)
    return official


def loaded(
    case: Case, options: DenoisingOptions, compare: FeatureComparison, dtype: torch.dtype
) -> DenoisingDistillation:
    model = DenoisingDistillation(case["in_feat_S"].shape[1], case["in_feat_T"].shape[1], options, compare)
    weights = {name.removeprefix("in_param__"): value for name, value in case.items() if name.startswith("in_param__")}
    model.load_state_dict({our_name(name): torch.from_numpy(value) for name, value in weights.items()})
    return model.to(dtype).train(bool(case["hp_train_mode"]))


def options_of(case: Case) -> DenoisingOptions:
    """What every case says; the rest is that of DiffKD."""
    steps, schedule = int(case["hp_inference_steps"]), int(case["hp_num_train_timesteps"])
    return DenoisingOptions(steps, schedule, int(case["hp_kernel_size"]))  # type: ignore[arg-type]


def diffkd_of(case: Case, compare: FeatureComparison, dtype: torch.dtype) -> DenoisingDistillation:
    options, code = options_of(case), int(case["hp_ae_channels"]) if case["hp_use_ae"] else None
    if options.kernel == 3:  # of its denoiser, the adapter's are always 8 times narrower
        wide, narrow = case["in_param__model.pred.0.block.0.weight"].shape[1::-1]
        options = replace(options, reduction=wide // narrow)
    return loaded(case, replace(options, code_channels=code), compare, dtype)


def comparison_of(case: Case) -> FeatureComparison:
    """Theirs divides a divergence by the images alone."""
    kind, tau = str(case["hp_kd_loss"]), float(case["hp_tau"])
    known: dict[str, FeatureComparison] = {
        "mse": F.mse_loss,
        "kl": lambda own, other: kl_divergence(own, other, tau) * own[0, 0].numel(),
        "dist": lambda own, other: correlation_loss(own, other, tau),
    }
    return known.get(kind) or pytest.skip(f"this test knows no comparison {kind!r}")


def draws_of(case: Case, dtype: torch.dtype, mixed: bool = True) -> DenoisingDraws:
    noise = input_of(case, "ddim_noise", dtype)
    student = input_of(case, "noise_adapter_noise", dtype) if mixed else noise
    return DenoisingDraws(student, noise, torch.from_numpy(case["in_ddim_timesteps"]))


def errors_of(model: DenoisingDistillation, case: Case, dtype: torch.dtype) -> Mapping[str, float]:
    """Errors of the terms, of the student's gradient and, last, of the running statistics."""
    student, teacher = input_of(case, "feat_S", dtype).requires_grad_(), input_of(case, "feat_T", dtype)
    terms = model(student, teacher, draws_of(case, dtype, model.options.mix_noise))
    names = {"distillation": "loss_kd", "denoising": "loss_ddim", "reconstruction": "loss_rec"}
    found = {names[name]: term for name, term in terms.items()}
    found["grad_feat_S__loss_kd"] = torch.autograd.grad(terms["distillation"], student)[0]
    after = [name.removeprefix("out_").removesuffix("_f64") for name in case if name.startswith("out_after__")]
    found |= {name: model.state_dict()[our_name(name.removeprefix("after__"))] for name in after}
    return {name: error(value, output_of(case, name, dtype)) for name, value in found.items()}


@pytest.mark.golden("kd", "diffkd")
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "float64"])
def test_terms_gradient_and_statistics_are_the_authors(case: Case, dtype: torch.dtype, tolerance: float) -> None:
    errors = errors_of(diffkd_of(case, comparison_of(case), dtype), case, dtype)
    assert all(error <= tolerance for error in errors.values()), errors


@pytest.mark.golden("kd", "diffkd")
def test_the_way_to_the_terms_is_the_authors(case: Case) -> None:
    model, student = diffkd_of(case, F.mse_loss, torch.float64), input_of(case, "feat_S", torch.float64)
    refined = model.refine(student, draws_of(case, torch.float64).student)
    assert error(refined, case["out_refined_f64"]) <= 1e-7
    assert model.schedule.timesteps(model.options.steps) == tuple(case["out_timesteps"])
    np.testing.assert_allclose(model.schedule.signal, case["out_alphas_cumprod_f64"], rtol=1e-6)  # of a float32 table
    if "out_noise_gamma_f64" in case:
        assert model.adapter is not None
        assert model.align is not None
        assert error(model.adapter.share(model.align(student)), case["out_noise_gamma_f64"]) <= 1e-9


@pytest.mark.golden("kd", "diffkd_dgkd")
@pytest.mark.parametrize(("dtype", "tolerance"), TOLERANCES, ids=["float32", "float64"])
def test_the_variant_of_dgkd_is_a_choice_of_options(case: Case, dtype: torch.dtype, tolerance: float) -> None:
    variant = options_of(case)
    options = replace(DGKD, steps=variant.steps, training_steps=variant.training_steps, kernel=variant.kernel)
    errors = errors_of(loaded(case, options, correlation_loss, dtype), case, dtype)
    assert all(error <= tolerance for error in errors.values()), errors


CHOICES = [
    DenoisingOptions(),
    DenoisingOptions(code_channels=3),
    DenoisingOptions(kernel=1),
    replace(DGKD, code_channels=4),
]


def model_of(options: DenoisingOptions) -> DenoisingDistillation:
    model = DenoisingDistillation(4, 6, options)
    initialise_weights(model, torch.Generator().manual_seed(0))
    return model


def maps(channels: int, seed: int = 0, batch: int = 2, size: int = 5) -> Tensor:
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("options", CHOICES)
def test_the_terms_together_teach_every_part(options: DenoisingOptions) -> None:
    model, student = model_of(options), maps(4).requires_grad_()
    sum(model(student, maps(6)).values()).backward()
    assert student.grad is not None
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_reconstruction_alone_teaches_the_autoencoder() -> None:
    model = model_of(DenoisingOptions(code_channels=3))
    terms = model(maps(4), maps(6))
    (terms["distillation"] + terms["denoising"]).backward()
    assert model.autoencoder is not None
    assert all(parameter.grad is None for parameter in model.autoencoder.parameters())


def test_denoising_does_not_teach_the_student() -> None:
    student = maps(4).requires_grad_()
    model_of(DenoisingOptions())(student, maps(6))["denoising"].backward()
    assert student.grad is None


def test_equal_generators_give_equal_terms() -> None:
    model = model_of(DenoisingOptions()).eval()
    first, same, other = (model(maps(4), maps(6), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first == same
    assert first["denoising"] != other["denoising"]
    assert first["distillation"] != other["distillation"]


@pytest.mark.parametrize("options", CHOICES)
@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_one_image_of_constant_or_huge_features_stays_finite(options: DenoisingOptions, scale: float) -> None:
    model, student = model_of(options), (scale * maps(4, batch=1)).requires_grad_()
    terms = model(student, scale * maps(6, seed=1, batch=1))
    sum(terms.values()).backward()
    gradients = [student.grad, *(parameter.grad for parameter in model.parameters())]
    assert all(value is not None and value.isfinite().all() for value in (*terms.values(), *gradients))


def test_autocast_changes_nothing() -> None:
    model, draws = model_of(DenoisingOptions()).eval(), draw_denoising(maps(6), 1000, torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        cast = model(maps(4), maps(6), draws)
    assert cast == model(maps(4), maps(6), draws)


def test_half_precision_features_are_compared_in_the_models_own() -> None:
    terms = model_of(DenoisingOptions())((1e4 * maps(4)).half(), (1e4 * maps(6)).half())
    assert all(term.dtype == torch.float32 and term.isfinite() for term in terms.values())


def test_a_single_value_a_channel_cannot_train() -> None:
    with pytest.raises(ValueError, match="nothing to normalise over; raise the batch size"):
        model_of(DenoisingOptions(kernel=1))(maps(4, batch=1, size=1), maps(6, batch=1, size=1))


@pytest.mark.usefixtures("unchecked")
def test_two_sizes_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 maps of 5x5 and 2 of 4x4; resize"):
        model_of(DenoisingOptions())(maps(4), maps(6, size=4))


def test_draws_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"student's noise must be \(2, 6, 5, 5\)"):
        model_of(DenoisingOptions())(maps(4), maps(6), draw_denoising(maps(4), 1000, None))


def test_other_channels_than_announced_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"of \(4, 6\) channels, got \(5, 6\)"):
        model_of(DenoisingOptions())(maps(5), maps(6))


def test_unaligned_channels_are_an_error() -> None:
    with pytest.raises(ValueError, match="equal channels, got 4 and 6"):
        DenoisingDistillation(4, 6, DGKD)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"steps": 501}, {"training_steps": 1281}, {"reduction": 0}, {"code_channels": 0}]
)
def test_impossible_options_are_an_error(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        DenoisingOptions(**options)  # type: ignore[arg-type]
