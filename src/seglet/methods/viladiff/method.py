"""ViLaDiff: few masks, many images, captions, and diffusion that mends pseudo labels. Equations are the paper's.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.columns.producer import ColumnProducer
from seglet.labels.semi.collapse import collapse, watched
from seglet.labels.semi.pseudo_label import PseudoLabelMap, pseudo_label_map
from seglet.losses.vila import diffusion_loss, stream_loss
from seglet.methods import base, protocols
from seglet.methods.viladiff.captions import TOKENS, producers
from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.cost_report import account
from seglet.methods.viladiff.distil import distilled, ramp_up
from seglet.methods.viladiff.mixe import MixE
from seglet.methods.viladiff.texts import Texts, texts_of
from seglet.methods.viladiff.views import Taught, cutmix, strong_views, weak_views
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.distillation.teachers import EMA
from seglet.models.heads.vila import Fusion, Stream, Streams, Text, ViLaHead, streams
from seglet.models.layers.dropout import drawing_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import at_least_float32, resize_align_corners
from seglet.types import IGNORE, Classes, Losses, Progress, SemiStep

BOXES, NOISE, REPAIR = 0xB0C5, 0x0153, 0x4E4D
"""Keep the draws of boxes, of the denoiser's noise and of refinement apart from that of dropout."""


class Method(
    base.Method[SemiStep],
    protocols.LearningRateFactor,
    protocols.TrainingNotes,
    protocols.TrainingWarnings,
    protocols.ExtraValidation,
    protocols.BoundaryValidation,
):
    """A student of two streams, its running average as teacher, and a denoiser of the teacher's pseudo labels."""

    columns = (TOKENS,)
    supervision = SemiStep
    validates_boundary = True  # MixE is said to mend them

    def __init__(self, config: Config, student: Segmenter, fusion: Fusion | None, mixe: MixE | None) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.fusion = fusion
        self.mixe = mixe
        if config.freeze_backbone:
            student.network.backbone.requires_grad_(False)
        self.teacher = EMA(student, config.average_momentum, config.average_ramp)
        self.fused_teacher = None if fusion is None else EMA(fusion, config.average_momentum, config.average_ramp)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """
        Raises:
            ValueError: the network has no streams, or its weights are not to be had.
        """
        student = build_student(config, classes, seed)
        head = student.network.head
        if not isinstance(head, ViLaHead):
            raise ValueError(f"ViLaDiff trains networks called vila-…, not {config.student}; fixmatch trains any")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fusion = None if config.captions is None else Fusion(head.hidden, config.text_width)
            mixe = None
            if config.mix != "none":
                sizes = (head.hidden // 2, config.denoiser_width, config.denoiser_blocks)
                mixe = MixE(config, LabelDenoiser(len(classes), *sizes, corrector=config.denoiser == "corrector"))
        return cls(config, student, fusion, mixe)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        return producers(config)

    def losses(self, step: SemiStep, progress: Progress) -> Losses:
        """Eq. 9: masks, pseudo labels, both distillations and the denoiser, as far as the config has them.

        Beside the terms of the objective: `confident`, share of pixels that teach; `better`, of images whose fusion
        stream is the better one; `mended`, of pixels whose label refinement changed; `share/…`, the guessed classes.
        """
        with drawing_from(self.student, progress.generator(step.unlabelled.images.device)):
            return self._losses(step, progress)

    def _losses(self, step: SemiStep, progress: Progress) -> Losses:
        config, texts = self.config, self._texts(step)
        guessed, stream, changed = self._taught(step, texts, progress)
        views = strong_views(step, guessed, stream, None if texts is None else texts.unlabelled)
        taught = cutmix(*views, config.boxes, generator(progress, BOXES))
        mine, theirs = self._seen(step, taught, texts)
        pseudo = taught.guess.target(config.threshold)
        terms = {"labelled": stream_loss(mine.visual.logits, logits_of(mine.fused), step.labelled.target)}  # Eq. 10
        total = terms["labelled"]
        if config.pseudo_weight > 0:
            terms["pseudo"] = stream_loss(theirs.visual.logits, logits_of(theirs.fused), pseudo)
            total = total + config.pseudo_weight * terms["pseudo"]
        if theirs.fused is not None:
            found = distilled(config, theirs.visual, theirs.fused, taught)
            terms |= found.terms
            # Eq. 12, and the path of Sec. 3.3
            total = total + ramp_up(progress.fraction, config.distil_ramp) * found.total
        if self.mixe is not None:
            parts = self._diffused(self.mixe, (mine, theirs), step, taught.guess, progress)
            terms |= parts
            total = total + diffusion_loss(parts, config.mu)  # Eq. 11, 13
        own = views[0].guess
        told = watched(own.labels, own.valid, step.labelled.target.labels, self.student.classes.names)
        return Losses(total, {**terms, **changed, "confident": own.share_above(config.threshold), **told})

    def _texts(self, step: SemiStep) -> Texts | None:
        return None if self.fusion is None else texts_of(step, self.config.shuffle_captions)

    def _seen(self, step: SemiStep, taught: Taught, texts: Texts | None) -> tuple[Streams, Streams]:
        """The student's streams of the labelled and of the strong views, seen together."""
        images = torch.cat((step.labelled.images, taught.images))
        text = None if texts is None or taught.text is None else Text.cat([texts.labelled, taught.text])
        both = streams(self.student.network, self.fusion, images, text)
        count = len(step.labelled.images)
        return both[:count], both[count:]

    @torch.no_grad()
    def _taught(
        self, step: SemiStep, texts: Texts | None, progress: Progress
    ) -> tuple[PseudoLabelMap, Stream, dict[str, Float[Tensor, ""]]]:
        """Pseudo labels of all plain views, refined once it is time, and the teacher's visual stream of them."""
        config, (images, valid) = self.config, weak_views(step)
        fusion = None if self.fused_teacher is None else self.fused_teacher.network
        text = None if texts is None else texts.unlabelled
        seen = streams(self.teacher.network.network, fusion, images, text)
        source = seen.visual if self._sees(seen) else seen.fused or seen.visual
        size = images.shape[-2:]
        logits = resize_align_corners(source.logits, size)
        first = pseudo_label_map(logits, valid)
        if self.mixe is None or progress.fraction < config.refine_start:
            return first, seen.visual, {}
        belief = self.mixe.mended(source, progress.fraction, generator(progress, REPAIR, images.device))
        confidence, labels = self._weighed(logits, resize_align_corners(belief, size)).max(dim=1)
        changed = ((labels != first.labels) & valid).sum() / valid.sum().clamp(min=1)
        return PseudoLabelMap(labels, confidence, valid), seen.visual, {"mended": changed}

    def _weighed(self, guessed: Float[Tensor, "b k h w"], mended: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Probabilities of the denoiser and of the guess whose logits these are, as far as the config trusts each."""
        return torch.lerp(at_least_float32(guessed).softmax(dim=1), mended, self.config.refined_share)

    def _diffused(
        self, mixe: MixE, seen: tuple[Streams, Streams], step: SemiStep, taught: PseudoLabelMap, progress: Progress
    ) -> dict[str, Float[Tensor, ""]]:
        """The denoiser's losses, on the stream that labels are guessed by; on masks too if the config says so."""
        mine, theirs = (both.visual if self._sees(both) else both.fused or both.visual for both in seen)
        noise = generator(progress, NOISE, step.unlabelled.images.device)
        if not self.config.denoise_labelled:
            return mixe.losses(theirs, taught, progress.fraction, noise)
        labels = step.labelled.target.labels
        drawn = PseudoLabelMap(labels, torch.ones_like(labels, dtype=taught.confidence.dtype), labels != IGNORE)
        guessed = len(labels) if self.config.denoise_from == "guesses" else 0
        return mixe.losses(
            Stream.cat([mine, theirs]), PseudoLabelMap.cat([drawn, taught]), progress.fraction, noise, guessed
        )

    def _sees(self, both: Streams) -> bool:
        """Whether labels are guessed by the visual stream."""
        return both.fused is None or self.config.guess_from == "visual"

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """A collapse of the guessed labels, once `alarm_from` of training is over."""
        if progress.fraction < self.config.alarm_from:
            return {}
        return collapse(terms, self.student.classes.names)

    def after_step(self, progress: Progress) -> None:
        self.teacher.update(self.student, progress.step)
        if self.fused_teacher is not None and self.fusion is not None:
            self.fused_teacher.update(self.fusion, progress.step)

    def learning_rate_factor(self, batch: int) -> float:
        """Linear in the batch, with `rate_batch`."""
        return 1.0 if self.config.rate_batch is None else batch / self.config.rate_batch

    def segmenter(self) -> Segmenter:
        """The teacher, or the student with `keep: student`; without captions in either case."""
        return self.teacher.network if self.config.keep == "average" else self.student

    def extra_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        """The one of teacher and student that is not kept; and with MixE what refinement makes of the teacher."""
        other: dict[str, protocols.PredictFunction] = (
            {"student": self.student} if self.config.keep == "average" else {"average": self.teacher}
        )
        return other if self.mixe is None else {**other, "refined": self.refined}

    @torch.no_grad()
    def refined(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Logarithms of the probabilities that the teacher's pseudo labels have once they are refined, without text.

        The same draws for every batch.
        """
        visual = streams(self.teacher.network.network, None, images, None).visual
        logits = resize_align_corners(visual.logits, images.shape[-2:])
        if self.mixe is None:
            return logits
        draws = torch.Generator(images.device).manual_seed(REPAIR)
        belief = resize_align_corners(self.mixe.mended(visual, 1.0, draws), images.shape[-2:])
        return self._weighed(logits, belief).clamp_min(1e-20).log()

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """About memory and the denoiser's share of the work."""
        return account(
            self.student.network, self.fusion, None if self.mixe is None else self.mixe.denoiser, size, batch
        )


def logits_of(stream: Stream | None) -> Tensor | None:
    """Of a stream that may not be there."""
    return None if stream is None else stream.logits


def generator(progress: Progress, apart: int, device: torch.device | str = "cpu") -> torch.Generator:
    """As reproducible as the step's own, and apart from it."""
    return replace(progress, seed=progress.seed ^ apart).generator(device)
