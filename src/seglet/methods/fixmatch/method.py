"""Weak-to-strong consistency. Equation numbers are UniMatch's (Yang et al., CVPR 2023).

Axes: b images, k classes, c channels, h rows, w columns, s strong views.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.labels.semi.collapse import collapse, watched
from seglet.labels.semi.cutmix import draw_boxes, inside, paste, paste_record
from seglet.labels.semi.pseudo_label import PseudoLabelMap, pseudo_label_map
from seglet.losses.task import confidence_ratio_cross_entropy, cross_entropy, mean_confidence_cross_entropy
from seglet.methods import base, protocols
from seglet.methods.fixmatch.config import Config
from seglet.models.distillation.teachers import EMA
from seglet.models.layers.dropout import Dropout, drawing_from
from seglet.models.network import Network, NetworkOutput, evaluating
from seglet.models.segmenter import Segmenter
from seglet.models.student import build_student
from seglet.tensors import resize_align_corners
from seglet.types import Classes, Losses, Progress, SemiStep, Target, Unlabelled

BOXES = 0xB0C5
"""Keeps the draw of boxes apart from that of dropout, which shares the seed of the step."""


class Method(base.Method[SemiStep], protocols.TrainingWarnings, protocols.ExtraValidation):
    """A student that must see in strongly altered views what it, or its running average, is sure of in plain ones."""

    supervision = SemiStep

    def __init__(self, config: Config, student: Segmenter) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.average = (
            EMA(student, config.average_momentum, config.average_ramp) if config.guesser == "average" else None
        )
        self.perturb = Dropout(config.feature_drop, channelwise=True)

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        return cls(config, build_student(config, classes, seed))

    def losses(self, step: SemiStep, progress: Progress) -> Losses:
        """Labelled and unlabelled terms; `confident` is the share of pixels that teach, `share/…` the guessed classes.

        The labelled and the weak views go through the student together, the strong ones through it together.
        """
        with drawing_from(self, progress.generator(step.unlabelled.images.device)):
            return self._losses(step, progress)

    def _losses(self, step: SemiStep, progress: Progress) -> Losses:
        config, network, unlabelled = self.config, self.student.network, step.unlabelled
        partner = None if step.partner is None else self._guess_apart(step.partner)
        plain, weak, dropped = self._plain(network, step)
        if self.average is not None:
            own = self._guess_apart(unlabelled)
        else:
            own = pseudo_label_map(resize_align_corners(weak, unlabelled.images.shape[-2:]), unlabelled.valid)
        terms = {"labelled": cross_entropy(plain.logits, step.labelled.target)}
        total = terms["labelled"]
        if plain.auxiliary is not None:
            terms["auxiliary"] = cross_entropy(plain.auxiliary, step.labelled.target)
            total = total + config.auxiliary_weight * terms["auxiliary"]
        if config.strong_weight > 0:
            terms["strong"] = self._strong(step, own, partner, progress)  # Eq. 5, 6
            total = total + config.strong_weight * terms["strong"]
        if dropped is not None:
            terms["features"] = self._against(dropped, own)  # Eq. 4
            total = total + config.feature_weight * terms["features"]
        return Losses(total / 2 if config.halve else total, {**terms, **self._watched(own, step.labelled.target)})

    def _plain(self, network: Network, step: SemiStep) -> tuple[NetworkOutput, Tensor, Tensor | None]:
        """The labelled views, the weak ones' logits, and these once more with channels missing (Eq. 3)."""
        labelled = len(step.labelled.images)
        stages = network.backbone(torch.cat((step.labelled.images, step.unlabelled.images)))
        seen = [stages]
        if self.config.feature_weight > 0:
            seen.append(tuple(self.perturb(stage[labelled:]) for stage in stages))
        joined = tuple(torch.cat(maps) for maps in zip(*seen, strict=True))
        logits, feature = network.classify(network.head.stem(joined))
        auxiliary = None if network.auxiliary is None or not self.training else network.auxiliary(stages[2][:labelled])
        both = len(stages[0])
        plain = NetworkOutput(logits[:labelled], feature[:labelled], auxiliary)
        return plain, logits[labelled:both].detach(), logits[both:] if len(logits) > both else None

    def _guess_apart(self, images: Unlabelled) -> PseudoLabelMap:
        """In a pass of its own, in evaluation mode: by the average, or by the student of what is only pasted."""
        if self.average is not None:
            return pseudo_label_map(self.average(images.images), images.valid)
        with evaluating(self.student), torch.no_grad():
            return pseudo_label_map(self.student(images.images), images.valid)

    def _strong(
        self, step: SemiStep, own: PseudoLabelMap, partner: PseudoLabelMap | None, progress: Progress
    ) -> Float[Tensor, ""]:
        """Mean over the strong views of the loss against what CutMix makes of the guess."""
        mixed = list(self._mixed(step, own, partner, boxes_generator(progress)))
        logits = self.student.network(torch.cat([images for images, _ in mixed])).logits
        parts = zip(logits.chunk(len(mixed)), mixed, strict=True)
        return torch.stack([self._against(seen, taught) for seen, (_, taught) in parts]).mean()

    def _mixed(
        self, step: SemiStep, own: PseudoLabelMap, partner: PseudoLabelMap | None, generator: torch.Generator
    ) -> Iterator[tuple[Float[Tensor, "b 3 h w"], PseudoLabelMap]]:
        """Each strong view and its guess, with boxes of the partner's, or else of the batch in reverse order."""
        size = (own.labels.shape[1], own.labels.shape[2])
        for stream, images in enumerate(step.unlabelled.strong):
            boxes = draw_boxes(len(images), size, self.config.boxes, generator)
            box = inside(boxes, size).to(images.device)
            if step.partner is None or partner is None:
                reverse = own.map(lambda maps: maps.flip(0))
                yield paste(images, images.flip(0), box), paste_record(own, reverse, box)
            else:
                yield paste(images, step.partner.strong[stream], box), paste_record(own, partner, box)

    def _against(self, logits: Float[Tensor, "b k _ _"], taught: PseudoLabelMap) -> Float[Tensor, ""]:
        config = self.config
        if config.believe == "pixel":
            return cross_entropy(logits, taught.target(config.threshold))
        if config.believe == "average":
            return mean_confidence_cross_entropy(logits, taught.labels, taught.confidence, taught.valid)
        return confidence_ratio_cross_entropy(logits, taught.labels, taught.confidence, taught.valid, config.threshold)

    def _watched(self, own: PseudoLabelMap, target: Target) -> dict[str, Tensor]:
        """What training warnings look at: how much is taught, and how often each class is guessed and is labelled."""
        told = watched(own.labels, own.valid, target.labels, self.student.classes.names)
        return {"confident": own.share_above(self.config.threshold), **told}

    def training_warnings(self, terms: Mapping[str, float], progress: Progress) -> Mapping[str, str]:
        """A collapse of the guessed labels, once `alarm_from` of training is over."""
        if progress.fraction < self.config.alarm_from:
            return {}
        return collapse(terms, self.student.classes.names)

    def after_step(self, progress: Progress) -> None:
        if self.average is not None:
            self.average.update(self.student, progress.step)

    def segmenter(self) -> Segmenter:
        """The student, or its average with `keep: average`."""
        return self.average.network if self.average is not None and self.config.keep == "average" else self.student

    def extra_predictions(self) -> Mapping[str, protocols.PredictFunction]:
        """With an average, the one of the two that is not kept."""
        if self.average is None:
            return {}
        return {"student": self.student} if self.config.keep == "average" else {"average": self.average}


def boxes_generator(progress: Progress) -> torch.Generator:
    """On the processor, whatever the device; as reproducible as the step's own."""
    return replace(progress, seed=progress.seed ^ BOXES).generator()
