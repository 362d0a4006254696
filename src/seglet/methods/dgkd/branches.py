"""The three branches of DGKD: two features and the mask, each denoised and compared. Equation numbers are the paper's.

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

FEATURES = ("shallow", "deep")
NAMES = {"both": (*FEATURES, "mask"), "features": FEATURES, "masks": ("mask",), "none": ()}
DISTANCES: Mapping[str, FeatureComparison] = {
    "dist": correlation_loss, "kl": kl_divergence, "mse": mean_squared_error,
}  # fmt: skip


class SameProjection(nn.Module):
    """One convolution for both networks, drawn once and never trained; each map is normalised by its own batch.

    What is compared is then a fixed look at the features themselves, whose widest map would be too wide to denoise, and
    no projection can make the comparison easy.
    """

    def __init__(self, inside: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, channels, 3, padding=1, bias=False).requires_grad_(False)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        projected: Tensor = self.conv(maps)
        return F.relu(F.batch_norm(projected, None, None, training=True))


class RandomProjection(FeatureProjection):
    """The teacher's in the authors' code: as it was drawn, in evaluation mode, never trained."""

    def __init__(self, inside: int, channels: int) -> None:
        super().__init__(inside, channels)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "RandomProjection":
        super().train(False)
        return self


class Branch(nn.Module):
    """One map of the student brought near the teacher's: projected, denoised unless the config says no, compared."""

    def __init__(self, config: Config, name: str, student: int, teacher: int) -> None:
        super().__init__()
        way = "none" if name == "mask" else config.projection
        if way != "own" and student != teacher:
            raise ValueError(
                f"the {name} maps of student and teacher have {student} and {teacher} channels; take networks of one "
                "backbone and width, or projection own"
            )
        self.own, self.taught = _projections(way, student, teacher, config.projected)
        self.compare = DISTANCES[config.distance]
        channels = student if way == "none" else config.projected
        self.diffusion = dgkd_branch(channels, self.compare, config.denoise_steps) if config.denoise else None

    def forward(
        self, student: Float[Tensor, "b c h w"], teacher: Float[Tensor, "b d h2 w2"], generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """`distillation` (Eq. 7) teaches the student and, as its gradient is not stopped, the denoiser; `denoising`
        (Eq. 5) the denoiser alone."""
        with torch.no_grad():
            project = self.own if self.taught is None else self.taught
            target = resize_align_corners(project(teacher), (student.shape[2], student.shape[3]))
        seen = self.own(student)
        if self.diffusion is None:
            return {"distillation": self.compare(seen, target)}
        found: dict[str, Tensor] = self.diffusion(seen, target, generator)
        return found


def _projections(way: str, student: int, teacher: int, channels: int) -> tuple[nn.Module, nn.Module | None]:
    """The student's and the teacher's; None if that is the same."""
    if way == "own":
        return FeatureProjection(student, channels), RandomProjection(teacher, channels)
    return (nn.Identity() if way == "none" else SameProjection(student, channels)), None


class Branches(nn.Module):
    """All that the config asks for; in training only, the saved segmenter has none of it.

    Args:
        channels: of the student's and the teacher's map of each name.
    """

    def __init__(self, config: Config, channels: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        self.parts = nn.ModuleDict({name: Branch(config, name, *channels[name]) for name in NAMES[config.distil]})

    def forward(
        self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Float[Tensor, ""]]:
        """Every term by branch and kind."""
        terms: dict[str, Tensor] = {}
        for name, part in self.parts.items():
            terms |= {f"{name}-{kind}": term for kind, term in part(student[name], teacher[name], generator).items()}
        return terms

    @property
    def denoisers(self) -> list[DenoisingDistillation]:
        """The diffusion networks."""
        return [part for part in self.modules() if isinstance(part, DenoisingDistillation)]
