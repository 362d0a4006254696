"""ViLaDiff's head: a visual stream, and a fusion stream that also reads captions (Sec. 3.3).

The paper names its parts and shapes nothing; what is here is a reading of Figure 2 with the decoders of SemiVL and
UniMatch-V2 in mind. Projection, reconstruction and classifier are shared by both streams, the attention is not.
Axes: b images, c channels, d of the streams, e of their maps, k classes, l caption tokens, t their channels, n = h w.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.backbones.vit import TransformerBlock, two_layer_perceptron
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.dropout import Dropout
from seglet.models.network import Network
from seglet.tensors import resize_half_pixel
from seglet.types import TensorRecord

HEADS, GROUPS = 8, 4
_LONGEST = 10_000.0
"""Longest wavelength of the position encoding, in tokens."""


@dataclass(frozen=True)
class CaptionStates(TensorRecord):
    """Caption tokens of each image; `valid` is false on padding."""

    states: Float[Tensor, "b l t"]
    valid: Bool[Tensor, "b l"]

    @classmethod
    def cat(cls, records: Sequence["CaptionStates"]) -> "CaptionStates":
        """Returns the captions of the images of all records, padded to the longest of them."""
        longest = max(text.states.shape[1] for text in records)
        return super().cat([text._padded(longest) for text in records])

    def _padded(self, length: int) -> "CaptionStates":
        missing = length - self.states.shape[1]
        return CaptionStates(F.pad(self.states, (0, 0, 0, missing)), F.pad(self.valid, (0, missing)))


@dataclass(frozen=True)
class StreamOutput(TensorRecord):
    """Output of one stream: tokens on the grid of patches, maps four times as fine, and their logits."""

    tokens: Float[Tensor, "b d h w"]
    maps: Float[Tensor, "b e h4 w4"]
    logits: Float[Tensor, "b k h4 w4"]


@dataclass(frozen=True)
class StreamOutputs(TensorRecord):
    """Outputs of both streams; the second is None without text."""

    visual: StreamOutput
    fused: StreamOutput | None

    @property
    def logits(self) -> tuple[Float[Tensor, "b k h4 w4"], Float[Tensor, "b k h4 w4"] | None]:
        """Logits of both streams."""
        return self.visual.logits, None if self.fused is None else self.fused.logits


class ViLaHead(Head):
    """Visual stream: taps projected and summed, a block of self-attention, reconstructed at four times the grid.

    The grid is that of the tap of index `grid`, to which the projections of others are resized where they differ.
    """

    def __init__(
        self, channels: tuple[int, ...], hidden: int, num_classes: int, dropout: float = 0.1, grid: int = 2
    ) -> None:
        super().__init__()
        self.hidden = hidden
        self.grid = grid
        self.project = nn.ModuleList(nn.Conv2d(inside, hidden, 1) for inside in channels)
        self.visual = TransformerBlock(hidden, HEADS)
        self.norm = nn.LayerNorm(hidden)
        self.reconstruct = MapReconstruction(hidden, (channels[1], channels[0]))
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), nn.Conv2d(hidden // 2, num_classes, 1))

    def projected(self, stages: Stages) -> Float[Tensor, "b d h w"]:
        """Returns the common input of both streams: the sum of the projected taps and the position encoding."""
        h, w = stages[self.grid].shape[2:]
        projected = [layer(stage) for layer, stage in zip(self.project, stages, strict=True)]
        maps = torch.stack([resize_half_pixel(one, (h, w)) for one in projected]).sum(0)
        return maps + position_encoding(self.hidden, (h, w), maps)

    def visual_tokens(self, tokens: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        """Returns the tokens of the visual stream."""
        return self.normalised(tokens_like(self.visual(map_to_tokens(tokens)), tokens))

    def normalised(self, tokens: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        """Normalises the final tokens of a stream, alike in both, so that their distances are comparable."""
        return tokens_like(self.norm(map_to_tokens(tokens)), tokens)

    def stem(self, stages: Stages) -> Float[Tensor, "b e h4 w4"]:
        maps: Tensor = self.reconstruct(self.visual_tokens(self.projected(stages)), stages)
        return maps


class CaptionFusion(nn.Module):
    """Cross-modal attention of the fusion stream: tokens of the image attend to the captions, not the other way round.

    Starts as a network of our own does; `generator` decides.
    """

    def __init__(self, hidden: int, text: int) -> None:
        super().__init__()
        self.text = text
        self.read = nn.Linear(text, hidden)
        self.norm1 = nn.LayerNorm(hidden, eps=1e-6)
        self.query = nn.Linear(hidden, hidden)
        self.key_value = nn.Linear(hidden, 2 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.norm2 = nn.LayerNorm(hidden, eps=1e-6)
        self.perceptron = two_layer_perceptron(hidden, nn.GELU())

    def forward(self, tokens: Float[Tensor, "b d h w"], text: CaptionStates) -> Float[Tensor, "b d h w"]:
        """Adds what the captions say; an image without any caption token attends to padding alone."""
        if text.states.shape[2] != self.text:
            raise ValueError(
                f"caption tokens have {text.states.shape[2]} channels, but the fusion stream was built for "
                f"{self.text}; set text_width: {text.states.shape[2]}"
            )
        given = map_to_tokens(tokens)
        captions = self.read(text.states.to(given.dtype))
        query = self.query(self.norm1(given)).unflatten(2, (HEADS, -1)).transpose(1, 2)
        key, value = self.key_value(captions).unflatten(2, (2, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attended = (text.valid | ~text.valid.any(dim=1, keepdim=True))[:, None, None]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        given = given + self.out(mixed.transpose(1, 2).flatten(2))
        return tokens_like(given + self.perceptron(self.norm2(given)), tokens)


class MapReconstruction(nn.Module):
    """Reconstruction at four times the resolution in two steps, each with a shallow tap; channels are halved."""

    def __init__(self, inside: int, taps: tuple[int, int]) -> None:
        super().__init__()
        deep, shallow = taps
        self.first = UpsamplingBlock(inside, deep, inside // 2)
        self.second = UpsamplingBlock(inside // 2, shallow, inside // 2)

    def forward(self, tokens: Float[Tensor, "b d h w"], stages: Stages) -> Float[Tensor, "b e h4 w4"]:
        maps: Tensor = self.second(self.first(tokens, stages[1]), stages[0])
        return maps


class UpsamplingBlock(nn.Module):
    """Upsampling by a transposed convolution, then a convolution together with a quarter as many channels of a tap."""

    def __init__(self, inside: int, tap: int, outside: int) -> None:
        super().__init__()
        beside = max(4, outside // 4)
        self.enlarge = nn.ConvTranspose2d(inside, outside, 2, 2)
        self.beside = nn.Conv2d(tap, beside, 1)
        self.join = nn.Conv2d(outside + beside, outside, 3, padding=1)
        self.norm = nn.GroupNorm(GROUPS, outside)

    def forward(self, maps: Float[Tensor, "b d h w"], tap: Float[Tensor, "b c _ _"]) -> Float[Tensor, "b e h2 w2"]:
        large = self.enlarge(maps)
        beside = resize_half_pixel(self.beside(tap), (large.shape[2], large.shape[3]))
        return F.relu(self.norm(self.join(torch.cat((large, beside), dim=1))))


def run_streams(
    network: Network, fusion: CaptionFusion | None, images: Float[Tensor, "b 3 y x"], text: CaptionStates | None
) -> StreamOutputs:
    """Runs both streams on images with captions; the visual one is that of the network alone, bit for bit.

    A network with another head has the visual stream alone: its feature stands for the tokens and for the maps.

    Raises:
        ValueError: there are captions and the network has no ViLa head.
    """
    head = network.head
    if not isinstance(head, ViLaHead):
        if fusion is None:
            output = network(images)
            return StreamOutputs(StreamOutput(output.feature, output.feature, output.logits), None)
        raise ValueError(
            f"captions are read by a head called vila, not by a {type(head).__name__}; choose student: vila-…"
        )
    stages = network.backbone(images)
    tokens = head.projected(stages)
    visual = head.visual_tokens(tokens)
    fused = None if fusion is None or text is None else head.normalised(fusion(tokens, text))
    return StreamOutputs(_stream(head, visual, stages), None if fused is None else _stream(head, fused, stages))


def stream_map_channels(network: Network) -> int:
    """Returns the channels of the maps of `run_streams`.

    Raises:
        ValueError: the network's classifier is no single convolution.
    """
    classifier = network.head.tail.classifier
    if not isinstance(classifier, nn.Conv2d):
        raise ValueError(
            f"expected a head that ends in one convolution, got a {type(network.head).__name__}, which ends in a "
            f"{type(classifier).__name__}; choose another student"
        )
    return classifier.in_channels


def _stream(head: ViLaHead, tokens: Float[Tensor, "b d h w"], stages: Stages) -> StreamOutput:
    maps = head.reconstruct(tokens, stages)
    logits, _ = head.tail(maps)
    return StreamOutput(tokens, maps, logits)


def position_encoding(channels: int, grid: tuple[int, int], like: Tensor) -> Float[Tensor, "d h w"]:
    """Returns sines and cosines of each token's row in the first half of the channels, of its column in the second."""
    quarter = math.ceil(channels / 4)
    rates = torch.exp(torch.arange(quarter, device=like.device) * (-math.log(_LONGEST) / quarter))
    h, w = grid
    down, across = (torch.arange(side, device=like.device)[None] * rates[:, None] for side in (h, w))
    rows = torch.cat((down.sin(), down.cos()))[:, :, None].expand(-1, h, w)
    columns = torch.cat((across.sin(), across.cos()))[:, None, :].expand(-1, h, w)
    return torch.cat((rows[: channels // 2], columns[: channels - channels // 2])).to(like.dtype)


def map_to_tokens(maps: Float[Tensor, "b d h w"]) -> Float[Tensor, "b n d"]:
    """Flattens maps to a sequence of tokens."""
    return maps.flatten(2).transpose(1, 2)


def tokens_like(tokens: Float[Tensor, "b n d"], like: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
    """Puts tokens back on the grid of `like`."""
    return tokens.transpose(1, 2).reshape(like.shape)
