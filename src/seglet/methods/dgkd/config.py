"""What a DGKD-WLSS experiment can choose; docs/methods/dgkd.md says where paper and code differ."""

from dataclasses import dataclass, replace
from typing import Literal

from seglet.data.loading.dark_light_pairs import PairConfig
from seglet.methods.self_taught import SelfTaughtConfig
from seglet.models.architecture import DepthGuidance
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(SelfTaughtConfig, PairConfig, StudentConfig):
    """With `distil: none` and `fusion: none` it is the student alone, an SSSS trained in the dark."""

    student: str = option("ssss-wideresnet38", "network that is trained: ssss-BACKBONE from tags; Sec. 4.2")
    auxiliary_weight: float = option(0.0, "0: an auxiliary head has nothing to learn from tags")
    learns_from: Literal["tags", "masks"] = option("tags", "masks: fully supervised, for other heads too; Table 7")
    focal_floor: float = option(0.3, "λ: the penalty of an empty mask is its logarithm; DGKD-WLSS code, SSSS: 0.01")

    teacher: str | None = option(None, "a saved segmenter of the same classes that learned in the light; Sec. 4.2")
    score_teacher: bool = option(True, "evaluate the teacher in the dark before training, and say what it reaches")
    compat: Literal["paper", "official"] = option(
        "paper", "official: scale + 1, images not normalised, the teacher's projections random; DGKD-WLSS code"
    )
    distil: Literal["both", "features", "masks", "none"] = option(
        "both", "what the teacher's is compared: layers 3 and 6, the predicted masks; Table 2a"
    )
    masks_at: Literal["images", "logits"] = option(
        "images", "size at which masks are compared: the image's (code), or the network's own, which is far cheaper"
    )
    denoise: bool = option(True, "take the student's for the teacher's with noise, and denoise it first; Sec. 3.2")
    denoise_steps: int = option(5, "T: steps of denoising; Table 9 finds 4-6 equal")
    distance: Literal["dist", "kl", "mse"] = option("dist", "D of Eq. 7; code; Table 2a has all, without denoising")
    distil_weight: float = option(1.0, "of every distillation and denoising loss; Eq. 14")
    projection: Literal["same", "own", "none"] = option(
        "same", "features are compared through one drawn once, through one each (code: the teacher's random), or as is"
    )
    projected: int = option(256, "channels of projected features; DGKD-WLSS code")

    fusion: Literal["dgf2", "sft", "none"] = option("dgf2", "how the student is told depth; Sec. 3.3, Table 2b")
    places: int = option(3, "early stages that are told: 1 is the paper's single, 3 its multiple; Table 2b")
    fusion_weight: float = option(0.5, "λ of Eq. 12; Table 8 finds 0.5 best")
    depth: str = option("depth-anything", "depth network: short name, id of the hub or folder; Table 2c")
    depth_brighten: Literal["none", "clahe", "equalise", "gamma", "retinex"] = option(
        "none", "brighten images before their depth is estimated; the paper does not"
    )
    depth_files: str | None = option(None, "folder of depth maps of your own, NAME.png; then no network is asked")

    scales: tuple[float, ...] = option((1.0, 0.5), "of an image in validation; code; in test 1, .5, .75")
    least_score: float = option(0.1, "presence below which a class is removed from an image; code, in test")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"least_score: expected 0 to 1, got {self.least_score}")
        for name in ("denoise_steps", "projected"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.distil_weight < 0:
            raise ValueError(f"distil_weight: expected 0 or more, got {self.distil_weight}")
        if self.auxiliary_weight:
            raise ValueError(f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; no loss here has that head")
        if self.compat == "official" and self.projection != "own":
            raise ValueError(f"projection: official has one for each network; expected own, got {self.projection}")
        if self.learns_from == "tags" and not self.student.startswith("ssss-"):
            raise ValueError(f"student: expected ssss-BACKBONE to learn masks from tags, got {self.student}")
        if self.fusion != "none":
            self.guide()

    @property
    def official(self) -> bool:
        return self.compat == "official"

    def guide(self) -> DepthGuidance | None:
        """How the student is told depth.

        Raises:
            ValueError: places or λ are out of their range.
        """
        if self.fusion == "none":
            return None
        guide = DepthGuidance(self.fusion, self.places, self.fusion_weight, self.official)
        if self.depth_files is not None:
            return guide
        return replace(
            guide, source=self.depth, brighten=None if self.depth_brighten == "none" else self.depth_brighten
        )
