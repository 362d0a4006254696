"""ViLaDiff: segmentation from few masks, captions and diffusion that refines pseudo labels. Equations are the paper's.

Axes: b images, k classes, h rows, w columns.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.columns.producer import ColumnProducer
from seglet.labels.semi.adaptive_threshold import following_threshold
from seglet.labels.semi.collapse import detect_collapse, share_terms
from seglet.labels.semi.pseudo_label import PseudoLabelMap, Threshold, pseudo_label_map, threshold_of_classes
from seglet.losses.vila import diffusion_loss, stream_loss
from seglet.methods import base, protocols
from seglet.methods.task_loss import TaskLoss
from seglet.methods.viladiff.captions import TOKENS_COLUMN, caption_producers
from seglet.methods.viladiff.config import Config
from seglet.methods.viladiff.cost_report import estimate_costs
from seglet.methods.viladiff.dual_path import dual_path_losses, fusion_gate, ramp_up
from seglet.methods.viladiff.guard import RefinementGuard
from seglet.methods.viladiff.mixe import MixE
from seglet.methods.viladiff.step_captions import StepCaptions, captions_of_step
from seglet.methods.viladiff.strong_views import StrongViews, TeacherLabels, cutmix_views, strong_views, weak_views
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.distillation.teachers import EMA
from seglet.models.heads.vila import (
    CaptionFusion,
    CaptionStates,
    StreamOutput,
    StreamOutputs,
    ViLaHead,
    run_streams,
    stream_map_channels,
)
from seglet.models.layers.dropout import noise_from
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import at_least_float32, resize_align_corners
from seglet.types import IGNORE, Classes, Labelled, Losses, Progress, SemiStep

_BOXES, _NOISE, _REFINEMENT, _GUARDED = 0xB0C5, 0x0153, 0x4E4D, 0x6A4D
"""Purposes of random draws beside dropout: CutMix's boxes, the denoiser's noise, refinement, the same for its guard."""


class Method(
    base.Method[SemiStep],
    protocols.LearningRateFactor,
    protocols.TrainingNotes,
    protocols.TrainingWarnings,
    protocols.ExtraValidation,
    protocols.BoundaryValidation,
    protocols.PseudoLabelValidation,
):
    """A student with two streams, its moving average as teacher, and a denoiser of the teacher's pseudo labels."""

    columns = (TOKENS_COLUMN,)
    supervision = SemiStep
    validates_boundary = True  # the paper claims that MixE improves boundaries

    def __init__(self, config: Config, student: Segmenter, fusion: CaptionFusion | None, mixe: MixE | None) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes, config.hard_pixels)
        self.fusion = fusion
        self.mixe = mixe
        guarded = mixe is not None and config.refine_guard
        self.guard = RefinementGuard(len(student.classes), config.refine_margin) if guarded else None
        self.limits = following_threshold(config.adapt, len(student.classes), config.adapt_momentum)
        if config.freeze_backbone:
            student.network.backbone.requires_grad_(False)
        if config.freeze_student:
            student.network.frozen = ("backbone", "head")  # also without dropout, and with its own statistics
            student.requires_grad_(False)
        self.teacher = EMA(student, config.average_momentum, config.average_ramp)
        self.fused_teacher = None if fusion is None else EMA(fusion, config.average_momentum, config.average_ramp)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Builds the student, its teacher and, as the config says, the fusion stream and the denoiser.

        Raises:
            ValueError: the network has no maps for the denoiser, or its weights cannot be loaded.
        """
        student = build_student(config, classes, seed)
        head, fusion, mixe = student.network.head, None, None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if config.captions is not None and isinstance(head, ViLaHead):  # the config refuses other heads
                fusion = CaptionFusion(head.hidden, config.text_width)
            if config.mix != "none":
                sizes = (stream_map_channels(student.network), config.denoiser_width, config.denoiser_blocks)
                mixe = MixE(config, LabelDenoiser(len(classes), *sizes, corrector=config.denoiser == "corrector"))
        return cls(config, student, fusion, mixe)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        return caption_producers(config)

    def losses(self, step: SemiStep, progress: Progress) -> Losses:
        """Computes Eq. 9: the losses of masks, of pseudo labels, of both distillations and of the denoiser.

        Terms beside those of the objective: `confident`, fraction of pixels above the threshold; `better`, fraction of
        images whose fusion stream is better; `mended`, fraction of pixels whose label refinement changed; those of
        `RefinementGuard.update`; `share/…`, fraction of pixels of each class among the pseudo labels.
        """
        with noise_from(self.student, progress.generator(step.unlabelled.images.device)):
            return self._losses(step, progress)

    def _losses(self, step: SemiStep, progress: Progress) -> Losses:
        config, captions = self.config, self._captions(step)
        labels, changed = self._pseudo_labels(step, captions, progress)
        own, partner = strong_views(step, labels, None if captions is None else captions.unlabelled)
        views = cutmix_views(own, partner, config.boxes, progress.generator(purpose=_BOXES))
        labelled, strong = self._student_streams(step, views, captions)
        terms = {"labelled": self._mask_loss(labelled, step.labelled)}  # Eq. 10
        total = terms["labelled"]
        if config.pseudo_weight > 0:
            terms["pseudo"] = stream_loss(*strong.logits, views.pseudo.target(self._threshold()))
            total = total + config.pseudo_weight * terms["pseudo"]
        if strong.fused is not None:
            gate = fusion_gate(config, labelled, step.labelled.target, strong, views)
            distilled = dual_path_losses(config, strong.visual, strong.fused, views, gate)  # Eq. 12, path of Sec. 3.3
            terms |= distilled.terms
            total = total + ramp_up(progress.fraction, config.distil_ramp) * distilled.total
        if self.mixe is not None:
            parts = self._denoiser_losses(self.mixe, (labelled, strong), step, views.guess, progress)
            terms |= parts
            total = total + diffusion_loss(parts, config.mu)  # Eq. 11, 13
        shares = share_terms(
            own.pseudo.labels, own.pseudo.valid, step.labelled.target.labels, self.student.classes.names
        )
        return Losses(total, {**terms, **changed, "confident": own.pseudo.share_above(self._threshold()), **shares})

    def _mask_loss(self, streams: StreamOutputs, step: Labelled) -> Float[Tensor, ""]:
        """Computes the loss against masks, the mean of the streams; the paper does not say whether the sum."""
        losses = [self.task(one, step.target, step.images) for one in streams.logits if one is not None]
        return torch.stack(losses).mean()

    def _threshold(self) -> Threshold:
        """Returns the least confidence of pseudo labels, for all classes or for each."""
        return self.config.threshold if self.limits is None else self.limits.thresholds()

    def _captions(self, step: SemiStep) -> StepCaptions | None:
        return None if self.fusion is None else captions_of_step(step, self.config.shuffle_captions)

    def _student_streams(
        self, step: SemiStep, views: StrongViews, captions: StepCaptions | None
    ) -> tuple[StreamOutputs, StreamOutputs]:
        """Computes the student's streams of the labelled and of the strong views, in one pass."""
        images = torch.cat((step.labelled.images, views.images))
        text = (
            None
            if captions is None or views.captions is None
            else CaptionStates.cat([captions.labelled, views.captions])
        )
        both = run_streams(self.student.network, self.fusion, images, text)
        count = len(step.labelled.images)
        return both[:count], both[count:]

    @torch.no_grad()
    def _pseudo_labels(
        self, step: SemiStep, captions: StepCaptions | None, progress: Progress
    ) -> tuple[TeacherLabels, dict[str, Float[Tensor, ""]]]:
        """Computes the teacher's labels of all weak views; from `refine_start` on, its pseudo labels are refined.

        The last value then has the term `mended`, and those of the guard, which may forbid it.
        """
        config, (images, valid) = self.config, weak_views(step)
        both = self._teacher_streams(images, None if captions is None else captions.unlabelled)
        stream = self._labelling_stream(both)
        logits = resize_align_corners(stream.logits, images.shape[-2:])
        first = pseudo_label_map(logits, valid)
        if self.limits is not None:
            self.limits.update(at_least_float32(logits).softmax(dim=1), valid)
        if self.mixe is None or progress.fraction < config.refine_start:
            return TeacherLabels(first, first, both.visual), {}
        terms = {} if self.guard is None else self._ask_guard(self.guard, self.mixe, step, captions, progress)
        if self.guard is not None and not self.guard.open:
            return TeacherLabels(first, first, both.visual), {**terms, "mended": logits.new_zeros(())}
        generator = progress.generator(images.device, _REFINEMENT)
        confidence, labels = self._refined(self.mixe, stream, logits, progress.fraction, generator).max(dim=1)
        changed = ((labels != first.labels) & valid).sum() / valid.sum().clamp(min=1)
        pseudo = PseudoLabelMap(labels, confidence, valid)
        return TeacherLabels(first, pseudo, both.visual), {**terms, "mended": changed}

    def _teacher_streams(self, images: Float[Tensor, "b 3 h w"], captions: CaptionStates | None) -> StreamOutputs:
        fusion = None if self.fused_teacher is None else self.fused_teacher.network
        return run_streams(self.teacher.network.network, fusion, images, captions)

    def _refined(
        self, mixe: MixE, stream: StreamOutput, logits: Float[Tensor, "b k h w"], fraction: float, rng: torch.Generator
    ) -> Float[Tensor, "b k h w"]:
        """Computes the probabilities of refined labels at the size of `logits`, which are those of the stream."""
        return self._blend(logits, resize_align_corners(mixe.refine(stream, fraction, rng), logits.shape[-2:]))

    def _ask_guard(
        self, guard: RefinementGuard, mixe: MixE, step: SemiStep, captions: StepCaptions | None, progress: Progress
    ) -> dict[str, Float[Tensor, ""]]:
        """Shows the guard what refinement makes of the labelled images."""
        masks = step.labelled.target.labels
        both = self._teacher_streams(step.labelled.images, None if captions is None else captions.labelled)
        stream = self._labelling_stream(both)
        logits = resize_align_corners(stream.logits, masks.shape[-2:])
        generator = progress.generator(masks.device, _GUARDED)
        refined = self._refined(mixe, stream, logits, progress.fraction, generator)
        return guard.update(masks, logits.argmax(dim=1), refined.argmax(dim=1))

    def _blend(self, logits: Float[Tensor, "b k h w"], refined: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k h w"]:
        """Returns the mean of the teacher's and the denoiser's probabilities, weighted by `refined_share`."""
        return torch.lerp(at_least_float32(logits).softmax(dim=1), refined, self.config.refined_share)

    def _denoiser_losses(
        self,
        mixe: MixE,
        student: tuple[StreamOutputs, StreamOutputs],
        step: SemiStep,
        guess: PseudoLabelMap,
        progress: Progress,
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes the denoiser's losses on strong views and on labelled ones, or on one of them, as the keys say."""
        labelled, strong = (self._labelling_stream(both) for both in student)
        noise = progress.generator(step.unlabelled.images.device, _NOISE)
        labels = step.labelled.target.labels
        masks = PseudoLabelMap(labels, torch.ones_like(labels, dtype=guess.confidence.dtype), labels != IGNORE)
        if self.config.flips == "confusion":
            mixe.observe(labelled.logits, masks)
        taught = [(labelled, masks)] * self.config.denoise_labelled + [(strong, guess)] * self.config.denoise_unlabelled
        outputs, targets = zip(*taught, strict=True)
        predicted = len(labels) if self.config.denoise_labelled and self.config.denoise_from == "guesses" else 0
        both = StreamOutput.cat(outputs), PseudoLabelMap.cat(targets)
        return mixe.losses(*both, progress.fraction, noise, predicted)

    def _labelling_stream(self, both: StreamOutputs) -> StreamOutput:
        """Returns the stream that pseudo labels are predicted by."""
        return both.visual if both.fused is None or self.config.guess_from == "visual" else both.fused

    def least_confidences(self) -> list[float]:
        """Returns the threshold of each class, as it is now."""
        return threshold_of_classes(self._threshold(), len(self.student.classes))

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns a warning if the pseudo labels collapse, once `alarm_from` of training is done."""
        if progress.fraction < self.config.alarm_from:
            return {}
        return detect_collapse(terms, self.student.classes.names)

    def after_step(self, progress: Progress) -> None:
        self.teacher.update(self.student, progress.step)
        if self.fused_teacher is not None and self.fusion is not None:
            self.fused_teacher.update(self.fusion, progress.step)

    def learning_rate_factor(self, batch: int) -> float:
        """Returns batch / `rate_batch`, or 1 without `rate_batch`."""
        return 1.0 if self.config.rate_batch is None else batch / self.config.rate_batch

    def segmenter(self) -> Segmenter:
        """Returns the teacher, or the student with `keep: student`; neither reads captions."""
        return self.teacher.network if self.config.keep == "average" else self.student

    def extra_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        """Returns the network of teacher and student that is not kept and, with MixE, the refined teacher."""
        other: dict[str, protocols.PredictFunction] = (
            {"student": self.student} if self.config.keep == "average" else {"average": self.teacher}
        )
        return other if self.mixe is None else {**other, "refined": self.predict_refined}

    @torch.no_grad()
    def predict_refined(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k h w"]:
        """Computes log-probabilities of the teacher's visual stream after refinement, with the same draws each time."""
        visual = run_streams(self.teacher.network.network, None, images, None).visual
        logits = resize_align_corners(visual.logits, images.shape[-2:])
        if self.mixe is None:
            return logits
        rng = torch.Generator(images.device).manual_seed(_REFINEMENT)
        return self._refined(self.mixe, visual, logits, 1.0, rng).clamp_min(1e-20).log()

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns estimates of the memory and of the denoiser's share of the work."""
        denoiser = None if self.mixe is None else self.mixe.denoiser
        return estimate_costs(self.student.network, self.fusion, denoiser, size, batch)
