"""WeCLIP's decoder: features of all layers of a frozen transformer are fused, mixed among patches and classified.

Axes: b images, c channels of a layer, d channels of the decoder, h rows, w columns, n = h·w patches, a heads,
k classes, l blocks.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.backbones.base import Stages
from seglet.models.heads.base import Head, Tail
from seglet.models.layers.dropout import Dropout

_EXPANSION = 4


class LayerFusion(nn.Module):
    """Fusion of all layers: a perceptron for each, then a 1×1 convolution.

    Args:
        inside: channels of each layer.
        layers: how many; 12 of a ViT-B in ExCEL, 11 in WeCLIP.
        hidden: what comes out; 256 in both.

    Source: code of WeCLIP, segformer_head.py; golden weclip_decoder.
    """

    def __init__(self, inside: int, layers: int, hidden: int = 256) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                OrderedDict(first=nn.Linear(inside, hidden), relu=nn.ReLU(), second=nn.Linear(hidden, hidden))
            )
            for _ in range(layers)
        )
        self.fuse = nn.Conv2d(hidden * layers, hidden, 1)

    def forward(self, layers: Sequence[Float[Tensor, "b c h w"]]) -> Float[Tensor, "b d h w"]:
        """Fuses the maps of all layers.

        Raises:
            ValueError: another number of layers.
        """
        if len(layers) != len(self.layers):
            raise ValueError(f"this decoder reads {len(self.layers)} layers, got {len(layers)}")
        maps = [mlp(layer.movedim(1, 3)) for mlp, layer in zip(self.layers, layers, strict=True)]
        fused: Tensor = self.fuse(torch.cat(maps, dim=3).movedim(3, 1))
        return fused


class DecoderBlock(nn.Module):
    """Transformer block of attention and feed-forward with CLIP's activation, each normalised before.

    Raises:
        ValueError: channels do not divide into heads.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels do not divide into {heads} heads")
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.widen = nn.Linear(channels, _EXPANSION * channels)
        self.narrow = nn.Linear(_EXPANSION * channels, channels)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        query, key, value = self._split(tokens)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        hidden = self.widen(self.norm2(tokens))
        residual: Tensor = tokens + self.narrow(hidden * torch.sigmoid(1.702 * hidden))
        return residual

    def attention(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n n"]:
        """Returns attention among patches, averaged over heads; rows sum to 1."""
        query, key, _ = self._split(tokens)
        attention: Tensor = (query @ key.mT * query.shape[3] ** -0.5).softmax(dim=3).mean(dim=1)
        return attention

    def _split(self, tokens: Float[Tensor, "b n d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Each b a n and channels of a head."""
        parts = self.query_key_value(self.norm1(tokens)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return parts[0], parts[1], parts[2]


class TransformerClassifier(nn.Module):
    """Classifier of transformer blocks without position encoding, with logits for each patch.

    Source: code of WeCLIP, TransDecoder.py, which projects attention in half precision; golden weclip_decoder.
    """

    def __init__(self, channels: int, num_classes: int, blocks: int = 3, heads: int = 8) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(DecoderBlock(channels, heads) for _ in range(blocks))
        self.classifier = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: Float[Tensor, "b d h w"]) -> Float[Tensor, "b k h w"]:
        tokens = features.flatten(2).mT
        for block in self.blocks:
            tokens = block(tokens)
        logits: Tensor = self.classifier(tokens.mT.reshape(features.shape))
        return logits

    def attention(self, features: Float[Tensor, "b d h w"]) -> Float[Tensor, "b l n n"]:
        """Returns attention among patches in each block."""
        tokens, attentions = features.flatten(2).mT, []
        for block in (part for part in self.blocks if isinstance(part, DecoderBlock)):
            attentions.append(block.attention(tokens))
            tokens = block(tokens)
        return torch.stack(attentions, dim=1)


class LargeFieldClassifier(nn.Sequential):
    """Two wide dilated convolutions and logits: the convolutional decoder of Table IX (DeepLab-LargeFOV).

    Source: Chen et al., 2015; width and dilation as in the code of DuPL and ToCo.
    """

    def __init__(self, channels: int, num_classes: int, hidden: int = 512, dilation: int = 5) -> None:
        first = nn.Conv2d(channels, hidden, 3, padding=dilation, dilation=dilation)
        second = nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation)
        parts = {"first": first, "relu1": nn.ReLU(), "second": second, "relu2": nn.ReLU()}
        super().__init__(OrderedDict(**parts, classifier=nn.Conv2d(hidden, num_classes, 1)))


class WeCLIPDecoder(Head):
    """WeCLIP's head: `fusion` joins the layers, `tail` drops channels and classifies.

    Logits stand on the patches' grid; the feature that comes with them, before dropout, is what `patch_features`
    compares.

    Args:
        classifier: `TransformerClassifier`, or `LargeFieldClassifier`.
    """

    def __init__(self, fusion: LayerFusion, classifier: nn.Module, dropout: float = 0.1) -> None:
        super().__init__()
        self.fusion = fusion
        self.tail = Tail(nn.Identity(), Dropout(dropout, channelwise=True), classifier)

    def stem(self, stages: Stages) -> Float[Tensor, "b d h w"]:
        fused: Tensor = self.fusion(stages)
        return fused

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draws weights as torch does by default and the authors too; other schemes start with far too large logits."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                bound = part.weight[0].numel() ** -0.5
                part.weight.uniform_(-bound, bound, generator=generator)
                if part.bias is not None:
                    part.bias.uniform_(-bound, bound, generator=generator)
