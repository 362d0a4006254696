"""Configuration of DGKD-WLSS; docs/methods/dgkd.md says where paper and code differ."""

from dataclasses import dataclass, replace
from typing import Literal

from seglet.data.loading.dark_light_pairs import PairConfig
from seglet.methods.tag_supervision import TagSupervisionConfig
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.architecture import DepthGuidance
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(TagSupervisionConfig, PairConfig, TaskLossConfig, StudentConfig):
    """Keys of DGKD-WLSS; `distil: none` and `fusion: none` trains the student alone, as SSSS in the dark."""

    student: str = option("ssss-wideresnet38", "network to train: ssss-BACKBONE from tags; Sec. 4.2")
    auxiliary_weight: float = option(0.0, "0: tags give an auxiliary head nothing to learn")
    learns_from: Literal["tags", "masks"] = option(
        "tags", "annotation of the training images; masks: fully supervised, also for other heads; Table 7"
    )
    task: tuple[str, ...] = option(
        ("auto",),
        "losses against masks or refined masks, see supervised; auto: image (SSSS code), from masks ce",
    )
    focal_floor: float = option(0.3, "λ: the penalty of an empty mask is its logarithm; DGKD-WLSS code, SSSS: 0.01")

    test_scales: tuple[float, ...] = option(
        (1.0, 0.5, 0.75), "image scales of the saved segmenter, in test; DGKD-WLSS code"
    )
    test_mirror: bool = option(False, "the saved segmenter also predicts the mirrored image, in test; SSSS does")
    test_background_power: float = option(
        1.0, "exponent of the background mask of the saved segmenter, in test; SSSS: 3"
    )

    teacher: str | None = option(None, "saved segmenter of the same classes, trained on light images; Sec. 4.2")
    score_teacher: bool = option(True, "evaluate the teacher on dark images before training, and print its scores")
    compat: Literal["paper", "official"] = option(
        "paper", "official: as DGKD-WLSS code: scale + 1, no input normalisation, random projections of the teacher"
    )
    distil: Literal["both", "features", "masks", "none"] = option(
        "both", "maps that are compared with the teacher's: layers 3 and 6, the predicted masks, or both; Table 2a"
    )
    masks_at: Literal["images", "logits"] = option(
        "images", "size at which masks are compared: of the image (code), or of the logits, which costs far less"
    )
    denoise: bool = option(True, "denoise the student's maps before they are compared; Sec. 3.2")
    denoise_steps: int = option(5, "T, denoising steps; Table 9 finds 4 to 6 equal")
    distil_start: float = option(
        0.0, "fraction of training in which the denoisers learn alone; the student is taught from then on; paper: 0"
    )
    distil_follow: bool = option(
        False, "weight each branch's distillation by 1 minus its denoiser's error, of which 1 means to predict nothing"
    )
    distil_direct: bool = option(
        False,
        "compare maps as they are with the weight that distil_start and distil_follow take from the denoised ones",
    )
    distance: Literal["dist", "kl", "mse"] = option(
        "dist", "D of Eq. 7; code; Table 2a has all three, without denoising"
    )
    distil_weight: float = option(1.0, "weight of all distillation and denoising losses; Eq. 14")
    projection: Literal["same", "own", "none"] = option(
        "same", "features pass one fixed random projection, one projection each (code: the teacher's random), or none"
    )
    projected: int = option(256, "channels of projected features; DGKD-WLSS code")

    fusion: Literal["dgf2", "sft", "none"] = option(
        "dgf2", "how depth is fused into the student's features; Sec. 3.3, Table 2b"
    )
    fusion_gate: bool = option(
        False,
        "multiply the attention term of Eq. 13 by a trained gate that begins at 0, so that depth changes nothing "
        "at first",
    )
    places: int = option(3, "number of early stages that depth is fused into: 1 single, 3 multiple in Table 2b")
    fusion_weight: float = option(0.5, "λ of Eq. 12; Table 8 finds 0.5 best")
    depth: str = option("depth-anything", "depth network: short name, hub id or folder; Table 2c")
    depth_brighten: Literal["none", "clahe", "equalise", "gamma", "retinex"] = option(
        "none", "brightening of images before their depth is estimated; the paper has none"
    )
    depth_files: str | None = option(None, "folder of your own depth maps, NAME.png, used instead of a depth network")
    depth_invalid: float | None = option(
        None, "number that marks missing depth in these files, often 0 of a sensor; such pixels take the median"
    )

    scales: tuple[float, ...] = option((1.0, 0.5), "image scales in validation; code, in test 1, .5, .75")
    least_score: float = option(0.1, "probability of presence below which a class is removed; code, in test")

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        if not 0 <= self.least_score <= 1:
            raise ValueError(f"least_score: expected 0 to 1, got {self.least_score}")
        for name in ("denoise_steps", "projected"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.distil_start < 1:
            raise ValueError(f"distil_start: expected a fraction from 0, below 1, got {self.distil_start}")
        if (self.distil_start or self.distil_follow) and not self.denoise:
            raise ValueError("distil_start, distil_follow: expected 0 and false without denoise; nothing learns alone")
        if self.distil_direct and not (self.distil_start or self.distil_follow):
            raise ValueError(
                "distil_direct: expected false without distil_start and distil_follow, which leave it no weight; maps "
                "alone as they are: denoise false"
            )
        if self.fusion_gate and self.fusion != "dgf2":
            raise ValueError(f"fusion_gate: expected false with fusion {self.fusion}; the gate is one of dgf2")
        if self.distil_weight < 0:
            raise ValueError(f"distil_weight: expected 0 or more, got {self.distil_weight}")
        if self.auxiliary_weight:
            raise ValueError(
                f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; no loss of this method trains that head"
            )
        if self.compat == "official" and self.projection != "own":
            raise ValueError(f"projection: official needs own, got {self.projection}")
        if self.learns_from == "tags" and not self.student.startswith("ssss-"):
            raise ValueError(f"student: expected ssss-BACKBONE to learn masks from tags, got {self.student}")
        if self.depth_invalid is not None and self.depth_files is None:
            raise ValueError("depth_invalid: expected none without depth_files; a depth network knows every pixel")
        if self.fusion != "none":
            self.guide()

    @property
    def task_terms(self) -> tuple[str, ...]:
        """The losses of `task`, those of auto by what the method learns from."""
        if self.task != ("auto",):
            return self.task
        return ("image",) if self.learns_from == "tags" else ("ce",)

    @property
    def official(self) -> bool:
        """True if everything is as in the authors' code."""
        return self.compat == "official"

    def guide(self) -> DepthGuidance | None:
        """Returns how depth is fused into the student, or None without fusion.

        Raises:
            ValueError: `places` or `fusion_weight` is out of range.
        """
        if self.fusion == "none":
            return None
        guide = DepthGuidance(
            self.fusion,
            self.places,
            self.fusion_weight,
            self.official,
            invalid=self.depth_invalid,
            gate=self.fusion_gate,
        )
        if self.depth_files is not None:
            return guide
        return replace(
            guide, source=self.depth, brighten=None if self.depth_brighten == "none" else self.depth_brighten
        )
