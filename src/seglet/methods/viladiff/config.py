"""What a ViLaDiff experiment can choose; docs/methods/viladiff.md says where the paper is silent or at odds."""

from dataclasses import dataclass
from typing import Literal

from seglet.data.loading.semi_dataset import Partner, SemiConfig
from seglet.labels.semi.cutmix import Boxes
from seglet.losses.vila import DIFFUSION_WEIGHTS
from seglet.models.diffusion.gaussian import Clock
from seglet.models.diffusion.routing import Reading
from seglet.models.student import StudentConfig
from seglet.types import option

Precision = Literal["float32", "float16", "bfloat16"]
SHARES = (
    "threshold", "average_momentum", "alarm_from", "tau", "tau_until", "refine_start", "refined_share", "flip_rate",
    "distil_ramp",
)  # fmt: skip
WEIGHTS = (
    "pseudo_weight", "feature_weight", "logit_weight", "path_weight", "direction", "edge_rate", "auxiliary_weight",
)  # fmt: skip


@dataclass(frozen=True)
class Config(SemiConfig, StudentConfig):
    """With `captions: none` MixE alone, with `mix: none` ViLa alone, with both the consistency of SemiBaseline."""

    student: str = option("vila-clip_b16", "network that is trained: vila-BACKBONE; ViT-B/16 in the paper")
    auxiliary_weight: float = option(0.0, "of an auxiliary head's loss; the network has none")
    streams: int = option(1, "strong views of an image in a step; 1, as in Fig. 2")
    partner: Partner = option(
        "reversed", "what CutMix pastes: the step in reverse (UniMatch-V2 code), or others (batch)"
    )
    freeze_backbone: bool = option(False, "train the decoder alone, for small cards; the paper trains all")
    rate_batch: int | None = option(
        None,
        "labelled images a step that learning_rate is meant for; it then grows with batch; none: as it is written",
    )

    captions: str | None = option(
        None, "who says what is shown: a captioner (short name, id, folder), a CSV or JSON file, world; none: no ViLa"
    )
    caption_prompts: tuple[str, ...] = option(("A photo of", "A photo contains"), "how captions begin; Sec. 3.2")
    caption_length: int = option(30, "tokens of a caption at most; the paper is silent")
    caption_precision: Precision = option("float32", "of the captioner; float16 halves its 15 GB if it is BLIP-2")
    caption_neutral: str = option("a photo", "in place of the captions of an image that has none; ours")
    shuffle_captions: bool = option(False, "give each image of a step another's captions, as an ablation")
    text: str = option("clip-b16", "CLIP that reads captions: short name, id or folder; Fig. 2")
    text_width: int = option(512, "channels of its tokens: 512 of clip-b16, 128 of tiny-clip")
    text_pooled: bool = option(
        False, "read one vector a caption in place of its tokens; tokens are ours, Fig. 2 is silent"
    )

    threshold: float = option(0.95, "confidence from which a pixel teaches; UniMatch code: 0.95, Cityscapes 0")
    pseudo_weight: float = option(
        1.0, "of the cross-entropy against pseudo labels, which Eq. 9-13 forget; ours, 0: none"
    )
    guess_from: Literal["fused", "visual"] = option("fused", "the teacher's stream that guesses; the fused where it is")
    feature_weight: float = option(1.0, "of L_feat; Eq. 12, Table 5; 0 leaves it out")
    logit_weight: float = option(1.0, "of L_logits; Eq. 12, Table 5; 0 leaves it out")
    path_weight: float = option(1.0, "of both from the teacher's visual to the student's fusion stream; Sec. 3.3")
    distil_ramp: float = option(
        0.0, "share of training in which both distillations' weights rise; Mean Teacher has one; 0: at once, as printed"
    )
    direction: float = option(0.5, "λ of Eq. 1, of the cosine; Table 6")
    distance: Literal["mean", "sum"] = option("mean", "of the squares of Eq. 1: called mean, printed as a sum")
    temperature: float = option(2.0, "T of Eq. 2; the paper is silent")
    gate: Literal["per_image", "always"] = option(
        "per_image", "teach the visual stream where the fused is better, by its cross-entropy; Sec. 3.3 is silent how"
    )

    mix: Literal["both", "flips", "gaussian", "none"] = option(
        "both", "noises of MixE, q_C and q_G of Table 5; none: off"
    )
    route: Reading = option("prose", "which pixels get which noise: Eq. 7 as the text or as its arguments have it")
    discrete: Literal["cumulative", "literal"] = option(
        "cumulative", "flips of t steps, or one as Eq. 5 reads literally"
    )
    predicts: Literal["clean", "previous"] = option("clean", "what the denoiser is asked for; Eq. 8 reads: previous")
    denoising_steps: int = option(10, "of training and refinement; Table 7")
    flip_rate: float = option(0.1, "β, chance of a flip in a step; Sec. 3.4")
    edge_rate: float = option(0.1, "how much more on edges; Sec. 3.4; 0 knows no edges")
    tau: float = option(0.8, "confidence that parts the noises, once it has risen; Sec. 3.4")
    tau_until: float = option(0.5, "share of training in which it rises from 0; Sec. 3.4")
    mu: tuple[float, float, float] = option(DIFFUSION_WEIGHTS, "μ of region, edge and noise; Eq. 11, 13")
    refine_start: float = option(0.5, "share of training after which pseudo labels are refined: later stages in Fig. 2")
    refined_share: float = option(
        1.0, "of the denoiser in refined probabilities, the rest is the guess's; 1 as in the paper, 0.5 doubts both"
    )
    denoiser_width: int = option(64, "channels of the denoiser, a multiple of 8; ours")
    denoiser_blocks: int = option(4, "of one 3x3 convolution each; ours")
    denoiser: Literal["whole", "corrector"] = option(
        "whole", "says the labels anew, or what to add to the segmenter's logits, at first nothing; the paper is silent"
    )
    denoise_labelled: bool = option(False, "also train it on masks; Eq. 11 says on unlabelled images alone")
    denoise_from: Literal["masks", "guesses"] = option(
        "masks",
        "what gets noise there: the masks, or what the student guesses, of which it learns how right it is; ours",
    )
    teach_through: bool = option(False, "let its loss reach the student through what it is conditioned on; ours: no")

    cutmix_chance: float = option(0.5, "that a strong view has a box of another image; UniMatch code")
    cutmix_area: tuple[float, float] = option((0.02, 0.4), "least and largest share of the box; UniMatch code")
    cutmix_aspect: float = option(0.3, "least height by width of the box, the largest is its inverse; UniMatch code")
    average_momentum: float = option(0.99, "of the teacher; Sec. 4.1")
    average_ramp: bool = option(True, "let the teacher begin as a copy and slow down; U2PL code, the paper: a constant")
    keep: Literal["student", "average"] = option(
        "average", "which of student and teacher is scored as the model and kept"
    )
    alarm_from: float = option(
        0.25, "share of training after which a collapse is warned of; before, all looks like one"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in WEIGHTS:
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
                f"flip_rate and edge_rate: expected up to 0.5 together, got {self.flip_rate + self.edge_rate}"
            )
        if self.captions is not None and not self.student.startswith("vila-"):
            raise ValueError(
                f"captions are read by networks called vila-…, not by {self.student}; or set captions: none"
            )
        _ = self.boxes, Clock(self.denoising_steps)

    @property
    def boxes(self) -> Boxes:
        return Boxes(self.cutmix_chance, self.cutmix_area, self.cutmix_aspect)
