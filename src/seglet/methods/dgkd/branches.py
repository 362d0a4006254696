"""The three branches of DGKD: two features and the masks, denoised and compared. Equation numbers are the paper's.

Axes: b images, c channels, h rows, w columns.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.losses.distillation.dist import correlation_loss
from seglet.losses.distillation.features import mean_squared_error
from seglet.losses.distillation.kl import kl_divergence
from seglet.methods.dgkd.config import Config
from seglet.models.diffusion.diffkd import DenoisingDistillation, FeatureComparison, FeatureProjection, dgkd_branch
from seglet.tensors import resize_align_corners

_FEATURES = ("shallow", "deep")
_BRANCHES = {"both": (*_FEATURES, "mask"), "features": _FEATURES, "masks": ("mask",), "none": ()}
_DISTANCES: Mapping[str, FeatureComparison] = {
    "dist": correlation_loss, "kl": kl_divergence, "mse": mean_squared_error,
}  # fmt: skip


_FOLLOWED = 0.05
"""Share of a step's error in the moving average that `distil_follow` weights by."""


class SameProjection(nn.Module):
    """One random convolution for both networks, never trained; each map is normalised over its own batch.

    It narrows the widest map, which would be too expensive to denoise, and cannot be trained to make the comparison
    easy.
    """

    def __init__(self, inside: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, channels, 3, padding=1, bias=False).requires_grad_(False)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        projected: Tensor = self.conv(maps)
        return F.relu(F.batch_norm(projected, None, None, training=True))


class RandomProjection(FeatureProjection):
    """Projection of the teacher in the authors' code: random, in evaluation mode, never trained."""

    def __init__(self, inside: int, channels: int) -> None:
        super().__init__(inside, channels)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "RandomProjection":
        super().train(False)
        return self


class Branch(nn.Module):
    """Comparison of one map of student and teacher: projected, denoised if the config says so, and compared."""

    def __init__(self, config: Config, name: str, student: int, teacher: int) -> None:
        super().__init__()
        projection = "none" if name == "mask" else config.projection
        if projection != "own" and student != teacher:
            raise ValueError(
                f"the {name} maps of student and teacher have {student} and {teacher} channels; take networks of one "
                "backbone and width, or projection own"
            )
        # `taught`: named so in the checkpoints of 0.1.0
        self.own, self.taught = _projections(projection, student, teacher, config.projected)
        self.compare = _DISTANCES[config.distance]
        channels = student if projection == "none" else config.projected
        self.diffusion = dgkd_branch(channels, self.compare, config.denoise_steps) if config.denoise else None
        self.direct = config.distil_direct

    def forward(
        self, student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b d h2 w2"], generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes the losses of the branch.

        `distillation` (Eq. 7) trains the student and also the denoiser, for its gradient is not stopped; `denoising`
        (Eq. 5) trains the denoiser alone. `direct` is the comparison without denoising, if the config asks for it.
        """
        with torch.no_grad():
            project = self.own if self.taught is None else self.taught
            target = resize_align_corners(project(teacher), (student.shape[2], student.shape[3]))
        projected = self.own(student)
        if self.diffusion is None:
            return {"distillation": self.compare(projected, target)}
        found: dict[str, Tensor] = self.diffusion(projected, target, generator)
        return {**found, "direct": self.compare(projected, target)} if self.direct else found


def _projections(projection: str, student: int, teacher: int, channels: int) -> tuple[nn.Module, nn.Module | None]:
    """Returns the projections of student and teacher, the latter None if both share one."""
    if projection == "own":
        return FeatureProjection(student, channels), RandomProjection(teacher, channels)
    return (nn.Identity() if projection == "none" else SameProjection(student, channels)), None


class Branches(nn.Module):
    """The branches that the config asks for; they serve training alone and are not saved with the segmenter.

    Args:
        channels: channels of the student's and of the teacher's map, by branch.
    """

    errors: Tensor

    def __init__(self, config: Config, channels: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: Branch(config, name, *channels[name]) for name in _BRANCHES[config.distil]})
        if config.distil_follow:
            self.register_buffer(
                "errors", torch.ones(len(self.parts))
            )  # of the denoisers, averaged over the last steps

    def forward(
        self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes all losses, by branch and kind."""
        terms: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            terms |= {f"{name}-{kind}": term for kind, term in part(student[name], teacher[name], generator).items()}
        return terms

    def trust(self, terms: Mapping[str, Tensor]) -> dict[str, Float[Tensor, ""]]:
        """Returns what each branch's denoiser knows, from 0 to 1, after taking these losses into its moving average.

        The error of Eq. 5 is 1 for a denoiser that predicts no noise at all, as noise has the variance 1.
        """
        if self.training:
            now = torch.stack([terms[f"{name}-denoising"].detach() for name in self.parts]).to(self.errors)
            self.errors.lerp_(now, _FOLLOWED)
        known = (1 - self.errors).clamp(0, 1)
        return dict(zip(self.parts, known, strict=True))

    @property
    def denoisers(self) -> list[DenoisingDistillation]:
        """Diffusion models of the branches."""
        return [part for part in self.modules() if isinstance(part, DenoisingDistillation)]
