"""Segmenters, which every method yields: a network with its classes and its input convention."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, cast, overload

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from seglet.models.architecture import LEARNED_FROM_TAGS, Architecture
from seglet.models.assembly import assemble_network, input_convention
from seglet.models.image_tensor import (
    SMALLEST_SIDE,
    DepthLike,
    ImageLike,
    append_depth,
    as_uint8,
    channel_batch,
    image_batch,
    pad_to_side,
)
from seglet.models.io import storage
from seglet.models.layers.initialise import initialise_weights
from seglet.models.network import Network, evaluation_copy, finite_logits
from seglet.models.segmentation import Segmentation
from seglet.tensors import resize_align_corners
from seglet.types import Classes

if TYPE_CHECKING:
    from seglet.models.io.model_card import Provenance

__all__ = ["Architecture", "Segmentation", "Segmenter", "build", "load"]


class Segmenter(nn.Module):
    """A network with its classes, from images to class logits at image size.

    With depth guidance (`architecture.depth`), depth is the fourth channel of its images.
    """

    def __init__(self, network: Network, classes: Classes, architecture: Architecture) -> None:
        super().__init__()
        self.network = network
        self.classes = classes
        self.architecture = architecture
        self.initial_note: str | None = None  # what a run says about the weights that this network starts from

    def forward(self, images: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k h w"]:
        height, width = images.shape[2:]
        return resize_align_corners(self.network(images).logits, (height, width))

    @overload
    def predict(  # type: ignore[overload-overlap]  # a string is iterable too, but as a path comes first
        self,
        image: ImageLike,
        samples: int = 0,
        seed: int = 0,
        depth: DepthLike | None = None,
        max_pixels: int | None = None,
    ) -> Segmentation: ...

    @overload
    def predict(
        self,
        image: Iterable[ImageLike],
        samples: int = 0,
        seed: int = 0,
        depth: Iterable[DepthLike] | None = None,
        max_pixels: int | None = None,
    ) -> Iterator[Segmentation]: ...

    def predict(
        self,
        image: ImageLike | Iterable[ImageLike],
        samples: int = 0,
        seed: int = 0,
        depth: DepthLike | Iterable[DepthLike] | None = None,
        max_pixels: int | None = None,
    ) -> Segmentation | Iterator[Segmentation]:
        """Segments an image of any size, or one after the other of several, in evaluation mode.

        Several threads may call it at once, whatever mode the network is in.

        Networks that learned from tags (ssss, cam) predict at several scales, mirrored too, and without the classes
        that are absent, as their papers do. `seglet.predict` takes the options of the command of that name.

        Args:
            image: the path of an image file; a PIL image; an array [h, w], [h, w, 3] or [h, w, 4]; or a tensor
                [3, h, w]. Bytes are 0 to 255; other integers and floats are scaled by the range that they use, as those
                of files are: see `seglet.images.white_level`. A network of other channels takes their stored values,
                [h, w, c] or a tensor [c, h, w]. For a list or another iterable of these, an iterator
                reads and segments each image when it is asked for.
            samples: Monte-Carlo passes for an uncertainty; 0 for none.
            seed: seed of their dropout masks.
            depth: depth of the image, [h, w] in [0, 1], of any resolution, 0 nearest, or an iterable with one for each
                image; for networks that take depth, and for no other.
            max_pixels: pixels that an image in a file may have, 64 million if not given.

        Raises:
            DataError: a file is no readable image, or too large.
            ValueError: the image or its depth has another shape, or values whose range is unknown; depth is missing,
                or not wanted; the network's logits are not finite.
        """
        if isinstance(image, str | PathLike | Image.Image | np.ndarray | Tensor):
            return self._predict_one(image, samples, seed, cast("DepthLike | None", depth), max_pixels)
        depths = repeat(None) if depth is None else depth
        pairs = zip(image, depths, strict=depth is not None)
        return (
            self._predict_one(one, samples, seed, cast("DepthLike | None", plane), max_pixels) for one, plane in pairs
        )

    @torch.inference_mode()
    def _predict_one(
        self, image: ImageLike, samples: int, seed: int, depth: DepthLike | None, max_pixels: int | None
    ) -> Segmentation:
        batch = self.prepare(image, depth, max_pixels)
        probabilities, deviation = evaluation_copy(self)._probabilities(batch, samples, seed)
        whole = probabilities[0].float().cpu().numpy()
        labels = whole.argmax(0).astype(np.uint8)
        uncertainty = None if deviation is None else deviation[0, 0].float().cpu().numpy()
        return Segmentation(labels, whole, uncertainty, self._drawn(batch), self.classes)

    def prepare(
        self, image: ImageLike, depth: DepthLike | None = None, max_pixels: int | None = None
    ) -> Float[Tensor, "1 planes h w"]:
        """Returns an image as this network takes it, on its device; see `predict`."""
        guide = self.architecture.depth
        if guide is not None and depth is None:
            cure = f"estimate it with {guide.source!r}, as in training" if guide.source else "as in training"
            raise ValueError(f"this network takes depth: give the image's `depth`; {cure}; `seglet.predict` runs it")
        if guide is None and depth is not None:
            raise ValueError(f"this {self.architecture.name} takes colours alone; leave `depth` out")
        parameter = next(self.network.parameters())
        channels = self.architecture.channels
        if channels is not None:
            return channel_batch(image, channels, max_pixels).to(parameter.device, parameter.dtype)
        planes = append_depth(image_batch(image, self.architecture.whites, max_pixels), depth)
        return planes.to(parameter.device, parameter.dtype)

    def _drawn(self, images: Float[Tensor, "1 planes h w"]) -> UInt8[np.ndarray, "h w 3"]:
        """Returns an image that `prepare` made in colours to look at; those of other channels are `drawn_channels`."""
        channels = self.architecture.channels
        if channels is None:
            return as_uint8(images)
        from seglet.images.channels import drawn_channels

        return drawn_channels(images[0].float().permute(1, 2, 0).cpu().numpy(), channels)

    def _probabilities(self, images: Tensor, samples: int, seed: int) -> tuple[Tensor, Tensor | None]:
        if samples == 0 and self.architecture.head in LEARNED_FROM_TAGS:
            from seglet.models.class_maps import segmenter_class_maps

            maps = segmenter_class_maps(self, images)
            total = maps.sum(dim=1, keepdim=True)
            return torch.where(total > 0, maps / total, 0), None
        height, width = images.shape[2:]
        padded = pad_to_side(images, SMALLEST_SIDE)
        if samples == 0:
            return finite_logits(self(padded)).softmax(dim=1)[..., :height, :width], None
        from seglet.models.uncertainty import mc_mean_and_deviation

        size = (padded.shape[2], padded.shape[3])
        generator = torch.Generator(images.device).manual_seed(seed)
        trunk = self.network.embed(padded).trunk
        mean, deviation = mc_mean_and_deviation(self.network, trunk, samples, generator)
        mean, deviation = resize_align_corners(finite_logits(mean), size), deviation.mean(dim=1, keepdim=True)
        return mean[..., :height, :width], resize_align_corners(deviation, size)[..., :height, :width]

    def save(self, folder: str | Path) -> None:
        """Writes `config.json` and `model.safetensors`, all or nothing; replaces a Segmenter that is there already.

        Raises:
            ValueError: the folder holds something else.
        """
        storage.write_segmenter(Path(folder), self.network.state_dict(), self.architecture, self.classes)

    def publish(self, folder: str | Path, provenance: "Provenance | None" = None) -> None:
        """Writes what `save` does, and a card beside it, `README.md`: the folder that belongs on the hub.

        Raises:
            ValueError: the folder holds something.
        """
        from seglet.models.io.model_card import Provenance, model_card

        count = sum(parameter.numel() for parameter in self.network.parameters())
        card = model_card(self.architecture, self.classes, count, provenance or Provenance())
        storage.write_published(Path(folder), self.network.state_dict(), self.architecture, self.classes, card)

    def push_to_hub(self, name: str, provenance: "Provenance | None" = None, private: bool = True) -> None:
        """Uploads what `publish` writes to the Hugging Face hub (`owner/name`), with the account that is logged in.

        A repository that does not exist is made, `private` or not; `seglet.load(name)` reads it back.

        Raises:
            ValueError: the name has another form, or the hub refuses.
        """
        from seglet.models.io.model_card import Provenance

        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "segmenter"
            self.publish(folder, replace(provenance or Provenance(), name=name))
            storage.upload_folder(folder, name, private)

    @classmethod
    def load(cls, folder: str | Path) -> "Segmenter":
        """Reads what `save` wrote, on the CPU, in evaluation mode.

        Raises:
            ValueError: a file is missing, damaged, of another format or does not fit; the message says which and why.
        """
        stored = storage.read_segmenter(Path(folder))
        network = _without_weights(stored.architecture, stored.classes)
        storage.check_shapes(stored, network.state_dict())
        network.load_state_dict(stored.weights, assign=True)
        return cls(network, stored.classes, stored.architecture).eval()


def build(architecture: Architecture, classes: Classes | Sequence[str], seed: int = 0) -> Segmenter:
    """Builds a segmenter with random weights, in training mode.

    Args:
        architecture: description of the network.
        classes: the classes, or their names, which then get PASCAL VOC's colours.
        seed: all that the weights depend on; torch's global generator is left as it was.

    Raises:
        ValueError: no names, too many, or names that repeat.
    """
    classes = classes if isinstance(classes, Classes) else Classes.named(classes)
    network = _without_weights(architecture, classes).to_empty(device="cpu")
    initialise_weights(network, torch.Generator().manual_seed(seed))
    network.backbone.set_normalisation(input_convention(architecture))  # emptied above
    return Segmenter(network, classes, architecture)


def _without_weights(architecture: Architecture, classes: Classes) -> Network:
    with torch.device("meta"):
        return assemble_network(architecture, len(classes))


def load(source: str | PathLike[str], revision: str | None = None) -> Segmenter:
    """Loads a segmenter, on the CPU, in evaluation mode.

    Args:
        source: a folder that `Segmenter.save` wrote; a run or its folder, whose best segmenter is taken; an exported
            .onnx file; the name of one that comes with seglet (`tiny-resnet18-w25`); or owner/name on the Hugging Face
            hub.
        revision: branch, tag or commit on the hub.

    Raises:
        ValueError: there is none, or a file is missing, damaged or of another format; the message says what to do.
    """
    if fspath(source).endswith(".onnx"):
        from seglet.models.onnx_segmenter import load_exported

        return load_exported(Path(source))
    from seglet.models.io.locate import segmenter_folder

    return Segmenter.load(segmenter_folder(fspath(source), revision))
