"""Weak-to-strong consistency. Equation numbers are UniMatch's (Yang et al., CVPR 2023).

Axes: b images, k classes, c channels, h rows, w columns, s strong views.
"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.semi.adaptive_threshold import following_threshold
from seglet.labels.semi.alignment import DistributionAlignment
from seglet.labels.semi.collapse import detect_collapse, named_shares, share_terms
from seglet.labels.semi.cutmix import box_mask, draw_cutmix_boxes, paste_boxes, paste_record
from seglet.labels.semi.pseudo_label import PseudoLabelMap, Threshold, pseudo_label_map, threshold_of_classes
from seglet.losses.task import (
    confidence_ratio_cross_entropy,
    cross_entropy,
    mean_confidence_cross_entropy,
)
from seglet.methods import base, protocols
from seglet.methods.fixmatch.config import Config
from seglet.methods.task_loss import TaskLoss
from seglet.models.distillation.teachers import EMA
from seglet.models.layers.complementary import drop_complementary
from seglet.models.layers.dropout import Dropout, noise_from
from seglet.models.network import Network, NetworkOutput, evaluation_mode
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import at_least_float32, resize_align_corners
from seglet.types import Classes, Losses, Progress, SemiStep, Target, Unlabelled

_BOXES, _CHANNELS = 0xB0C5, 0xC4A5
"""Purposes of random draws beside dropout: CutMix's boxes, channels of complementary dropout."""
_WHOLE = 0.5
"""Share of images that complementary dropout leaves whole; UniMatch-V2 code."""


class Method(
    base.Method[SemiStep], protocols.TrainingWarnings, protocols.ExtraValidation, protocols.PseudoLabelValidation
):
    """A student trained on strong views with the confident pseudo labels of weak ones, its own or its average's."""

    supervision = SemiStep

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes, config.hard_pixels)
        self.auxiliary_task = TaskLoss(config, student.classes)
        self.average = (
            EMA(student, config.average_momentum, config.average_ramp) if config.guesser == "average" else None
        )
        self.alignment = DistributionAlignment(len(student.classes)) if config.align else None
        self.limits = following_threshold(config.adapt, len(student.classes), config.adapt_momentum)
        self.perturb = Dropout(config.feature_drop, channelwise=True)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        return cls(config, build_student(config, classes, seed))

    def losses(self, step: SemiStep, progress: Progress) -> Losses:
        """Computes the labelled and unlabelled losses (Eq. 7).

        Labelled and weak views pass the student together, then all strong views together. Terms beside the losses:
        `confident`, fraction of pixels above the threshold, and `confident/…`, that of the pixels predicted as each
        class; `share/…`, fraction of pixels of each class among the pseudo labels.
        """
        with noise_from(self, progress.generator(step.unlabelled.images.device)):
            return self._losses(step, progress)

    def _losses(self, step: SemiStep, progress: Progress) -> Losses:
        config, unlabelled = self.config, step.unlabelled
        partner = None if step.partner is None else self._pseudo_labels(step.partner)
        labelled, weak, perturbed = self._weak_predictions(self.student.network, step)
        guessed = weak if self.average is None else self._guess(unlabelled)
        guessed = resize_align_corners(guessed, unlabelled.images.shape[-2:])
        if self.alignment is not None:
            self.alignment.update(guessed, unlabelled.valid, step.labelled.target.labels)
            guessed = self.alignment.align(guessed)
        own = pseudo_label_map(guessed, unlabelled.valid)
        if self.limits is not None:
            self.limits.update(at_least_float32(guessed).softmax(dim=1), unlabelled.valid)
        terms = self.task.parts("labelled", labelled.logits, step.labelled.target, step.labelled.images)
        total = terms["labelled"]
        if labelled.auxiliary is not None:
            terms["auxiliary"] = self.auxiliary_task(labelled.auxiliary, step.labelled.target, step.labelled.images)
            total = total + config.auxiliary_weight * terms["auxiliary"]
        if config.strong_weight > 0:
            terms["strong"] = self._strong_loss(step, own, partner, progress)  # Eq. 5, 6
            total = total + config.strong_weight * terms["strong"]
        if perturbed is not None:
            terms["features"] = self._pseudo_loss(perturbed, own)  # Eq. 4
            total = total + config.feature_weight * terms["features"]
        return Losses(total / 2 if config.halve else total, {**terms, **self._statistics(own, step.labelled.target)})

    def _weak_predictions(self, network: Network, step: SemiStep) -> tuple[NetworkOutput, Tensor, Tensor | None]:
        """Computes predictions of the labelled views, and logits of the weak ones: as they are and perturbed (Eq. 3).

        The perturbed logits, of features with dropped channels, are None with `feature_weight` 0. Without `weak_pass`
        there are no weak views, and so no weak logits.
        """
        labelled = len(step.labelled.images)
        weak = [step.unlabelled.images] if self.config.weak_pass else []
        stages = network.backbone(torch.cat((step.labelled.images, *weak)))
        passes = [stages]
        if self.config.feature_weight > 0:
            passes.append(tuple(self.perturb(stage[labelled:]) for stage in stages))
        together = tuple(torch.cat(maps) for maps in zip(*passes, strict=True))
        logits, feature = network.classify(network.head.stem(together))
        auxiliary = None if network.auxiliary is None or not self.training else network.auxiliary(stages[2][:labelled])
        plain = len(stages[0])
        prediction = NetworkOutput(logits[:labelled], feature[:labelled], auxiliary)
        return prediction, logits[labelled:plain].detach(), logits[plain:] if len(logits) > plain else None

    def _pseudo_labels(self, views: Unlabelled) -> PseudoLabelMap:
        """Predicts pseudo labels in a pass of their own."""
        guessed = self._guess(views)
        return pseudo_label_map(guessed if self.alignment is None else self.alignment.align(guessed), views.valid)

    @torch.no_grad()
    def _guess(self, views: Unlabelled) -> Float[Tensor, "b k h w"]:
        """Predicts logits of weak views by the average, or by the student in evaluation mode."""
        if self.average is not None:
            average: Tensor = self.average(views.images)
            return average
        with evaluation_mode(self.student):
            logits: Tensor = self.student(views.images)
        return logits

    def _strong_loss(
        self, step: SemiStep, own: PseudoLabelMap, partner: PseudoLabelMap | None, progress: Progress
    ) -> Float[Tensor, ""]:
        """Computes the mean loss of the strong views after CutMix."""
        mixed = list(self._cutmix(step, own, partner, progress.generator(purpose=_BOXES)))
        logits = self._strong_logits(torch.cat([images for images, _ in mixed]), progress)
        pairs = zip(logits.chunk(len(mixed)), mixed, strict=True)
        return torch.stack([self._pseudo_loss(part, pseudo) for part, (_, pseudo) in pairs]).mean()

    def _strong_logits(self, images: Float[Tensor, "sb 3 h w"], progress: Progress) -> Float[Tensor, "sb k _ _"]:
        """Predicts logits of the strong views, one view of all images after the other."""
        network = self.student.network
        if not self.config.complementary:
            plain: Tensor = network(images).logits
            return plain
        stages = drop_complementary(network.backbone(images), _WHOLE, progress.generator(purpose=_CHANNELS))
        logits, _ = network.classify(network.head.stem(stages))
        return logits

    def _cutmix(
        self, step: SemiStep, own: PseudoLabelMap, partner: PseudoLabelMap | None, generator: torch.Generator
    ) -> Iterator[tuple[Float[Tensor, "b 3 h w"], PseudoLabelMap]]:
        """Yields each strong view and its pseudo labels with boxes of the partner, or of the batch in reverse order."""
        size = (own.labels.shape[1], own.labels.shape[2])
        for stream, images in enumerate(step.unlabelled.strong):
            boxes = draw_cutmix_boxes(len(images), size, self.config.boxes, generator)
            box = box_mask(boxes, size).to(images.device)
            if step.partner is None or partner is None:
                reverse = own.map(lambda maps: maps.flip(0))
                yield paste_boxes(images, images.flip(0), box), paste_record(own, reverse, box)
            else:
                yield paste_boxes(images, step.partner.strong[stream], box), paste_record(own, partner, box)

    def _pseudo_loss(self, logits: Float[Tensor, "b k _ _"], pseudo: PseudoLabelMap) -> Float[Tensor, ""]:
        """Computes the loss against pseudo labels, weighted as `believe` says."""
        config = self.config
        if config.believe == "pixel":
            return cross_entropy(logits, pseudo.target(self._threshold()))
        if config.believe == "average":
            return mean_confidence_cross_entropy(logits, pseudo.labels, pseudo.confidence, pseudo.valid)
        return confidence_ratio_cross_entropy(logits, pseudo.labels, pseudo.confidence, pseudo.valid, config.threshold)

    def _threshold(self) -> Threshold:
        """Returns the least confidence of pseudo labels, for all classes or for each."""
        return self.config.threshold if self.limits is None else self.limits.thresholds()

    def _statistics(self, pseudo: PseudoLabelMap, target: Target) -> dict[str, Tensor]:
        """Returns the shares of confident pixels, in all and of each class, and of the classes among both labels."""
        names, threshold = self.student.classes.names, self._threshold()
        shares = share_terms(pseudo.labels, pseudo.valid, target.labels, names)
        limits = threshold if isinstance(threshold, Tensor) else pseudo.confidence.new_full((len(names),), threshold)
        passed = named_shares("confident", pseudo.passed_by_class(limits), names)
        return {"confident": pseudo.share_above(threshold), **passed, **shares}

    def least_confidences(self) -> list[float]:
        """Returns the threshold of each class, as it is now."""
        return threshold_of_classes(self._threshold(), len(self.student.classes))

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """Returns a warning if the pseudo labels collapse, once `alarm_from` of training is done."""
        if progress.fraction < self.config.alarm_from:
            return {}
        return detect_collapse(terms, self.student.classes.names)

    def after_step(self, progress: Progress) -> None:
        if self.average is not None:
            self.average.update(self.student, progress.step)

    def segmenter(self) -> Segmenter:
        """Returns the student, or its average with `keep: average`."""
        return self.average.network if self.average is not None and self.config.keep == "average" else self.student

    def extra_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        """Returns the network of student and average that is not kept, if there is an average."""
        if self.average is None:
            return {}
        return {"student": self.student} if self.config.keep == "average" else {"average": self.average}
