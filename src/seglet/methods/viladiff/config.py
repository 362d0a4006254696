"""Configuration of ViLaDiff; docs/methods/viladiff.md says where the paper is silent or contradicts itself."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

from seglet.data.loading.semi_dataset import PartnerSource, SemiConfig
from seglet.labels.semi.adaptive_threshold import ThresholdRule
from seglet.labels.semi.cutmix import CutMixOptions
from seglet.losses.vila import DIFFUSION_WEIGHTS
from seglet.methods.task_loss import TaskLossConfig
from seglet.models.diffusion.gaussian import JointSteps
from seglet.models.diffusion.mixed import PathDraw, ReversePath
from seglet.models.diffusion.routing import RoutingRule
from seglet.models.student import StudentConfig
from seglet.types import option

Precision = Literal["float32", "float16", "bfloat16"]
RECOMMENDED: Mapping[str, Any] = MappingProxyType(
    {
        "mix": "flips",
        "denoiser": "corrector",
        "denoise_labelled": True,
        "denoise_unlabelled": False,
        "denoise_from": "guesses",
        "refine_from": 1,
        "refine_draw": "likeliest",
        "refine_guard": True,
    }
)
"""Keys that `refine: recommended` sets; docs/methods/viladiff.md has the table that they were chosen by."""
_FRACTIONS = (
    "threshold", "average_momentum", "alarm_from", "tau", "tau_until", "refine_start", "refined_share", "flip_rate",
    "distil_ramp", "refine_margin", "adapt_momentum",
)  # fmt: skip
_WEIGHTS = (
    "pseudo_weight", "feature_weight", "logit_weight", "path_weight", "direction", "edge_rate", "auxiliary_weight",
)  # fmt: skip


@dataclass(frozen=True)
class Config(SemiConfig, TaskLossConfig, StudentConfig):
    """Keys of the ViLaDiff method.

    `captions: none` trains MixE alone, `mix: none` ViLa alone, and both together the consistency of SemiBaseline.
    """

    student: str = option(
        "vila-clip_b16", "network to train: vila-BACKBONE, or any without captions; ViT-B/16 in the paper"
    )
    auxiliary_weight: float = option(0.0, "weight of an auxiliary head's loss; the network has no such head")
    streams: int = option(1, "strong views of an image per step; 1, as in Fig. 2")
    partner: PartnerSource = option(
        "reversed", "images that CutMix pastes: the batch in reverse order (UniMatch-V2 code), or others (batch)"
    )
    freeze_backbone: bool = option(False, "train the decoder alone, to save memory; the paper trains everything")
    freeze_student: bool = option(
        False, "train the denoiser alone, on the guesses of the network in student_weights, which stays as it is; ours"
    )
    rate_batch: int | None = option(
        None,
        "labelled images per step that learning_rate is meant for; the rate then grows with batch; none: no scaling",
    )

    captions: str | None = option(
        None, "captioner (short name, hub id or folder), a CSV or JSON file of captions, or world; none: no ViLa"
    )
    caption_prompts: tuple[str, ...] = option(("A photo of", "A photo contains"), "how captions begin; Sec. 3.2")
    caption_length: int = option(30, "largest number of tokens of a caption; the paper does not say")
    caption_beams: int = option(
        1, "width of the captioner's beam search; 1 takes the likeliest word each time, LAVIS's BLIP-2 code has 5"
    )
    caption_precision: Precision = option("float32", "of the captioner; float16 halves the 15 GB of BLIP-2")
    caption_neutral: str = option("a photo", "caption of an image for which there is none; ours")
    captions_missing: Literal["error", "neutral"] = option(
        "error", "an image that the file of captions does not name: an error, or as if its caption were empty"
    )
    shuffle_captions: bool = option(False, "give each image of a step the captions of another, as an ablation")
    text: str = option(
        "clip-b16", "encoder of captions, a CLIP (Fig. 2) or BERT and its kin: short name, hub id or folder"
    )
    text_width: int = option(
        512, "channels of its token features: 512 for clip-b16, 384 for minilm-l6, 128 for tiny-clip"
    )
    text_pooled: bool = option(
        False, "one vector per caption instead of its tokens; Fig. 2 does not say, tokens are our choice"
    )

    threshold: float = option(0.95, "least confidence of pseudo labels that are used; UniMatch code, Cityscapes: 0")
    adapt: ThresholdRule = option(
        "none",
        "threshold of all classes, or one that follows the predictions: of each class (classes, FreeMatch) or of all "
        "(maxima, CorrMatch, from 0.85 on); threshold is then not used",
    )
    adapt_momentum: float = option(0.999, "momentum of these thresholds; FreeMatch and CorrMatch code")
    pseudo_weight: float = option(
        1.0, "weight of the cross-entropy against pseudo labels, missing from Eq. 9-13; ours; 0 leaves it out"
    )
    guess_from: Literal["fused", "visual"] = option(
        "fused", "stream of the teacher that predicts pseudo labels; without captions always the visual one"
    )
    feature_weight: float = option(1.0, "weight of L_feat; Eq. 12, Table 5; 0 leaves it out")
    logit_weight: float = option(1.0, "weight of L_logits; Eq. 12, Table 5; 0 leaves it out")
    path_weight: float = option(
        1.0, "weight of both from the teacher's visual stream to the student's fusion stream; Sec. 3.3"
    )
    distil_ramp: float = option(
        0.0, "fraction of training over which both distillation weights rise, as in Mean Teacher; 0: constant (paper)"
    )
    direction: float = option(0.5, "λ of Eq. 1, weight of the cosine distance; Table 6")
    distance: Literal["mean", "sum"] = option(
        "mean", "squared differences of Eq. 1 as a mean (the text) or a sum (the equation)"
    )
    temperature: float = option(2.0, "T of Eq. 2; the paper does not say")
    gate: Literal["per_image", "labelled", "always"] = option(
        "per_image",
        "distil to the visual stream where the fused one has the lower cross-entropy, by the image's pseudo labels "
        "(its teacher's own) or by the masks of the step's labelled images, or always; Sec. 3.3 is vague",
    )

    mix: Literal["both", "flips", "gaussian", "none"] = option(
        "both", "noise of MixE: label flips q_C, Gaussian q_G or both, Table 5; none: no denoiser"
    )
    route: RoutingRule = option(
        "prose",
        "which pixels get which noise: Eq. 7 as its text or as its arguments read, or as its text with the labels of "
        "doubtful pixels hidden",
    )
    flips: Literal["uniform", "confusion"] = option(
        "uniform", "what a label flips to: any class (Eq. 6), or what the student mistakes the class for; ours"
    )
    discrete: Literal["cumulative", "literal"] = option(
        "cumulative", "label flips of t steps, or of one step as Eq. 5 reads literally"
    )
    predicts: Literal["clean", "previous"] = option(
        "clean", "what the denoiser predicts: clean labels, or those of the previous step as Eq. 8 reads"
    )
    denoising_steps: int = option(10, "diffusion steps in training and refinement; Table 7")
    flip_rate: float = option(0.1, "β, probability of a label flip per step; Sec. 3.4")
    edge_rate: float = option(0.1, "additional probability on edges; Sec. 3.4; 0 treats edges like all other pixels")
    tau: float = option(0.8, "confidence that separates the two kinds of noise, once it has risen; Sec. 3.4")
    tau_until: float = option(0.5, "fraction of training over which tau rises from 0; Sec. 3.4")
    mu: tuple[float, float, float] = option(
        DIFFUSION_WEIGHTS, "μ, weights of the region, edge and noise losses; Eq. 11, 13"
    )
    refine_start: float = option(
        0.5, "fraction of training after which pseudo labels are refined; Fig. 2: in later stages"
    )
    refine: Literal["keys", "recommended"] = option(
        "keys", f"refinement as the keys say, or as recommended here, which sets {', '.join(RECOMMENDED)}"
    )
    refine_from: int | None = option(
        None,
        "step at which refinement begins, 1 to denoising_steps; none: the last one, where little of a label is left",
    )
    refine_draw: PathDraw = option(
        "draw", "labels on the way: one random draw (paper), the likeliest, or the mean of refine_paths draws"
    )
    refine_paths: int = option(8, "random draws with refine_draw: mean")
    refine_guard: bool = option(
        False, "refine only while refined labels beat guesses on the labelled images of the steps; the paper does not"
    )
    refine_margin: float = option(
        0.005, "mIoU by which they must be ahead for refinement to begin under the guard; it ends when they are behind"
    )
    refined_share: float = option(
        1.0, "weight of the denoiser's probabilities in refined ones, the rest is the teacher's; paper: 1"
    )
    denoiser_width: int = option(64, "channels of the denoiser, a multiple of 8; ours")
    denoiser_blocks: int = option(4, "blocks of the denoiser, each with a 3x3 convolution; ours")
    denoiser: Literal["whole", "corrector"] = option(
        "whole", "predict labels, or a correction of the segmenter's logits that starts at 0; the paper does not say"
    )
    denoise_labelled: bool = option(False, "train the denoiser on masks too; Eq. 11: on unlabelled images alone")
    denoise_unlabelled: bool = option(
        True, "train the denoiser on pseudo labels (Eq. 11); false needs denoise_labelled"
    )
    denoise_from: Literal["masks", "guesses"] = option(
        "masks",
        "labels that are corrupted there: the masks, or the student's predictions, whose errors it then learns; ours",
    )
    teach_through: bool = option(
        False, "let the denoiser's loss reach the student through the maps and logits it is given; ours: no"
    )

    cutmix_chance: float = option(0.5, "probability that a strong view has a box of another image; UniMatch code")
    cutmix_area: tuple[float, float] = option(
        (0.02, 0.4), "smallest and largest area of the box, as a fraction of the image; UniMatch code"
    )
    cutmix_aspect: float = option(0.3, "smallest height / width of the box, the largest is its inverse; UniMatch code")
    average_momentum: float = option(0.99, "momentum of the teacher's moving average; Sec. 4.1")
    average_ramp: bool = option(
        True, "let the teacher start as a copy and slow down; U2PL code, the paper's momentum is constant"
    )
    keep: Literal["student", "average"] = option(
        "average", "network that is validated and saved: the student, or the teacher (average)"
    )
    alarm_from: float = option(
        0.25, "fraction of training after which a collapse is reported; before, every run looks like one"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        if self.refine == "recommended":
            self._take_recommended()
        for name in _FRACTIONS:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in _WEIGHTS:
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.streams != 1:
            raise ValueError(f"streams: expected 1, as in Fig. 2, got {self.streams}; fixmatch has more")
        if min(self.mu) < 0:
            raise ValueError(f"mu: expected 0 or more, got {self.mu}")
        if self.temperature <= 0:
            raise ValueError(f"temperature: expected above 0, got {self.temperature}")
        if not 0 < self.flip_rate + self.edge_rate <= 0.5:
            raise ValueError(
                f"flip_rate and edge_rate: expected a sum of at most 0.5, got {self.flip_rate + self.edge_rate}"
            )
        if self.captions is not None and not self.student.startswith("vila-"):
            raise ValueError(
                f"captions: only networks called vila-… read them, not {self.student}; or set captions: none"
            )
        for name in ("refine_paths", "caption_beams"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.freeze_student and (self.mix == "none" or self.captions is not None or self.student_weights is None):
            raise ValueError(
                "freeze_student trains the denoiser alone: set student_weights and captions: none, and "
                "leave mix at another value than none"
            )
        if not (self.denoise_labelled or self.denoise_unlabelled):
            raise ValueError("denoise_unlabelled: the denoiser needs labels to learn from; set denoise_labelled")
        if self.refine_from is not None and not 1 <= self.refine_from <= self.denoising_steps:
            raise ValueError(
                f"refine_from: expected 1 to denoising_steps, {self.denoising_steps}, got {self.refine_from}"
            )
        _ = self.boxes, JointSteps(self.denoising_steps)

    def _take_recommended(self) -> None:
        """Sets the keys of `RECOMMENDED`, unless one of them has a value that is neither its default nor this one."""
        defaults = {field.name: field.default for field in fields(self)}
        for name, value in RECOMMENDED.items():
            if getattr(self, name) not in (defaults[name], value):
                raise ValueError(
                    f"{name}: refine: recommended takes {value}, got {getattr(self, name)}; leave one of the two out"
                )
            object.__setattr__(self, name, value)

    @property
    def path(self) -> ReversePath:
        """The way back of refinement, as the keys choose it."""
        return ReversePath(self.refine_from, self.refine_draw, self.refine_paths)

    @property
    def boxes(self) -> CutMixOptions:
        return CutMixOptions(self.cutmix_chance, self.cutmix_area, self.cutmix_aspect)
