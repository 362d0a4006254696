"""MixE: noise in labels and features, and the denoiser that mends pseudo labels (Sec. 3.4).

Axes: b images, k classes, e channels of the decoder's maps, h rows, w columns.
"""

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from seglet.labels.semi.edges import edge_rates, label_edges
from seglet.labels.semi.pseudo_label import PseudoLabelMap
from seglet.losses.task import cross_entropy
from seglet.losses.vila import edge_cross_entropy, noise_loss
from seglet.methods.viladiff.config import Config
from seglet.models.diffusion.categorical import Flips
from seglet.models.diffusion.gaussian import Clock
from seglet.models.diffusion.label_denoiser import LabelDenoiser
from seglet.models.diffusion.mixed import Denoised, MixedDiffusion, State
from seglet.models.diffusion.routing import route, threshold_at
from seglet.models.heads.vila import Stream
from seglet.models.network import evaluating
from seglet.tensors import at_least_float32, resize_labels, resize_nearest
from seglet.types import IGNORE, Target


class MixE(nn.Module):
    """The denoiser and its noise; works at the resolution of the decoder's maps."""

    def __init__(self, config: Config, denoiser: LabelDenoiser) -> None:
        super().__init__()
        self.config = config
        self.denoiser = denoiser

    def diffusion(
        self, labels: Integer[Tensor, "b h w"], confidence: Float[Tensor, "b h w"], fraction: float
    ) -> MixedDiffusion:
        """The noise of these pseudo labels when this share of training is done."""
        config = self.config
        noises = "both" if config.mix == "none" else config.mix
        tau = threshold_at(fraction, config.tau, config.tau_until)
        rates = edge_rates(label_edges(labels), config.flip_rate, config.edge_rate)
        return MixedDiffusion(
            Flips(rates, self.denoiser.classes, config.discrete == "cumulative"),
            route(confidence, tau, config.route, noises),  # Eq. 7
            Clock(config.denoising_steps),
            config.predicts,
        )

    def losses(
        self, seen: Stream, taught: PseudoLabelMap, fraction: float, generator: torch.Generator, guessed: int = 0
    ) -> dict[str, Float[Tensor, ""]]:
        """`region`, `edge` and `noise` of Eq. 13: what the denoiser makes of the noisy labels of these maps.

        The maps and logits that it is conditioned on are the student's, in which the labels are not to be read off. In
        the first `guessed` images it begins with the student's labels, as in `mended`, and is to say those of `taught`.
        """
        labels, confidence = at_maps(taught, seen.maps)
        maps, logits = at_least_float32(seen.maps), at_least_float32(seen.logits)
        if not self.config.teach_through:
            maps, logits = maps.detach(), logits.detach()
        sure, own = logits[:guessed].detach().softmax(dim=1).max(dim=1)
        start = torch.cat((own.to(labels), labels[guessed:]))
        diffusion = self.diffusion(start, torch.cat((sure, confidence[guessed:])), fraction)
        steps = diffusion.clock.draw(len(labels), generator)
        noisy, noise = diffusion.corrupt(State(start, maps), steps, generator)
        found: Denoised = self.denoiser(noisy, logits, steps)
        target = Target(labels, torch.ones_like(confidence))
        return {
            "region": cross_entropy(found.logits, target),
            "edge": edge_cross_entropy(found.logits, target, label_edges(labels)),
            "noise": noise_loss(found.noise, noise.detach(), diffusion.route.gaussian & (labels != IGNORE)),  # Eq. 4
        }

    @torch.no_grad()
    def mended(self, seen: Stream, fraction: float, generator: torch.Generator) -> Float[Tensor, "b k h w"]:
        """Probabilities of refined pseudo labels, at the resolution of the maps that a teacher sees."""
        logits = at_least_float32(seen.logits)
        confidence, labels = logits.softmax(dim=1).max(dim=1)
        diffusion = self.diffusion(labels, confidence, fraction)

        def denoise(state: State, steps: Int[Tensor, " b"]) -> Denoised:
            found: Denoised = self.denoiser(state, logits, steps)
            return found

        with evaluating(self.denoiser):
            return diffusion.restore(denoise, State(labels, at_least_float32(seen.maps)), generator)


def at_maps(
    taught: PseudoLabelMap, maps: Float[Tensor, "b e h w"]
) -> tuple[Integer[Tensor, "b h w"], Float[Tensor, "b h w"]]:
    """Labels, IGNORE on padding, and confidence at the resolution of the maps, by nearest neighbour."""
    size = maps.shape[-2:]
    labels = resize_labels(taught.labels.masked_fill(~taught.valid, IGNORE), size)
    return labels, resize_nearest(taught.confidence[:, None], size)[:, 0]
