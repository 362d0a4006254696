"""MixE: noise in labels and features, and the denoiser that refines pseudo labels (Sec. 3.4).

Axes: b images, k classes, e channels of the decoder's maps, h rows, w columns.
"""

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from seglet.labels.semi.edges import edge_flip_rates, label_edges
from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.losses.task import cross_entropy
from seglet.losses.vila import edge_cross_entropy, noise_loss
from seglet.methods.viladiff.config import Config
from seglet.models.diffusion.categorical import LabelFlips
from seglet.models.diffusion.confusion_flips import ConfusionFlips, mistakes_from_counts
from seglet.models.diffusion.gaussian import JointSteps
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.diffusion.mixed import DenoiserOutput, MixedDiffusion, NoisyState
from seglet.models.diffusion.routing import confidence_threshold, route_noise
from seglet.models.heads.vila import StreamOutput
from seglet.models.network import evaluation_mode
from seglet.tensors import at_least_float32, nearest_align_corners
from seglet.types import IGNORE, Target

_FADING, _SMOOTHING = 0.98, 10.0
"""Share of the counted confusions that each step keeps, about fifty steps', and pixels added to each kind of error."""


class MixE(nn.Module):
    """Denoiser of pseudo labels with its noise; works at the resolution of the decoder's maps."""

    def __init__(self, config: Config, denoiser: LabelDenoiser) -> None:
        super().__init__()
        self.config = config
        self.denoiser = denoiser
        if config.flips == "confusion":
            self.register_buffer("confusion", torch.zeros(denoiser.classes, denoiser.classes))
        self.confusion: Tensor

    def diffusion(
        self, labels: Integer[Tensor, "b h w"], confidence: Float[Tensor, "b h w"], fraction: float
    ) -> MixedDiffusion:
        """Returns the noise model of these pseudo labels after this fraction of training."""
        config = self.config
        noises = "both" if config.mix == "none" else config.mix
        tau = confidence_threshold(fraction, config.tau, config.tau_until)
        rates = edge_flip_rates(label_edges(labels), config.flip_rate, config.edge_rate)
        return MixedDiffusion(
            self._flips(rates),
            route_noise(confidence, tau, config.route, noises),  # Eq. 7
            JointSteps(config.denoising_steps),
            config.predicts,
        )

    def _flips(self, rates: Float[Tensor, "b 1 h w"]) -> LabelFlips | ConfusionFlips:
        cumulative = self.config.discrete == "cumulative"
        if self.config.flips == "uniform":
            return LabelFlips(rates, self.denoiser.classes, cumulative)
        return ConfusionFlips(rates, mistakes_from_counts(self.confusion, _SMOOTHING), cumulative)

    @torch.no_grad()
    def observe(self, logits: Float[Tensor, "b k h w"], masks: PseudoLabelMap) -> None:
        """Counts which classes of masks the logits mistake for which; earlier counts fade."""
        labels, _ = labels_at_maps(masks, logits)
        known = labels != IGNORE
        pairs = labels[known] * self.denoiser.classes + logits.argmax(dim=1)[known]
        found = torch.bincount(pairs.long(), minlength=self.confusion.numel()).view_as(self.confusion)
        self.confusion.mul_(_FADING).add_(found)

    def losses(
        self,
        stream: StreamOutput,
        pseudo: PseudoLabelMap,
        fraction: float,
        generator: torch.Generator,
        predicted: int = 0,
    ) -> dict[str, Float[Tensor, ""]]:
        """Computes `region`, `edge` and `noise` of Eq. 13 for the denoiser of noisy labels.

        The denoiser is conditioned on the student's maps and logits, from which the labels cannot be read off. In the
        first `predicted` images it starts from the student's own labels, as in `refine`, and is to find those of
        `pseudo`.
        """
        labels, confidence = labels_at_maps(pseudo, stream.maps)
        maps, logits = at_least_float32(stream.maps), at_least_float32(stream.logits)
        if not self.config.teach_through:
            maps, logits = maps.detach(), logits.detach()
        own_confidence, own = logits[:predicted].detach().softmax(dim=1).max(dim=1)
        start = torch.cat((own.to(labels), labels[predicted:]))
        diffusion = self.diffusion(start, torch.cat((own_confidence, confidence[predicted:])), fraction)
        steps = diffusion.schedule.draw(len(labels), generator)
        noisy, noise = diffusion.corrupt(NoisyState(start, maps), steps, generator)
        found: DenoiserOutput = self.denoiser(noisy, logits, steps)
        target = Target(labels, torch.ones_like(confidence))
        return {
            "region": cross_entropy(found.logits, target),
            "edge": edge_cross_entropy(found.logits, target, label_edges(labels)),
            "noise": noise_loss(found.noise, noise.detach(), diffusion.route.gaussian & (labels != IGNORE)),  # Eq. 4
        }

    @torch.no_grad()
    def refine(self, stream: StreamOutput, fraction: float, generator: torch.Generator) -> Float[Tensor, "b k h w"]:
        """Computes the class probabilities of refined pseudo labels, at the resolution of the teacher's maps."""
        logits = at_least_float32(stream.logits)
        confidence, labels = logits.softmax(dim=1).max(dim=1)
        diffusion = self.diffusion(labels, confidence, fraction)

        def denoise(state: NoisyState, steps: Int[Tensor, " b"]) -> DenoiserOutput:
            found: DenoiserOutput = self.denoiser(state, logits, steps)
            return found

        with evaluation_mode(self.denoiser):
            state = NoisyState(labels, at_least_float32(stream.maps))
            return diffusion.restore(denoise, state, generator, self.config.path)


def labels_at_maps(
    pseudo: PseudoLabelMap, maps: Float[Tensor, "b e h w"]
) -> tuple[Integer[Tensor, "b h w"], Float[Tensor, "b h w"]]:
    """Returns labels, IGNORE on padding, and confidence at the resolution of the maps, whose corners are aligned."""
    size = maps.shape[-2:]
    labels = nearest_align_corners(pseudo.labels.masked_fill(~pseudo.valid, IGNORE), size)
    return labels, nearest_align_corners(pseudo.confidence, size)
