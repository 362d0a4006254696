"""Networks that make masks of points, boxes and rough masks: SAM and SAM 2, as transformers builds them.

Axes: p prompts, n points of a prompt, m masks of a prompt, h rows, w columns, y rows and x columns of the network's
own masks.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles, find_model, parse_source
from seglet.models.foundation.image_input import authors_normalisation, read_preprocessing
from seglet.models.foundation.loading import check_finite, import_library, load_network, parse_dtype
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from seglet.tensors import resize_antialiased, resize_half_pixel
from seglet.types import TensorRecord

PROMPTABLE_LAYOUT = ModelLayout(
    "a SAM or SAM 2",
    "config.json",
    ("sam", "sam2", "sam2_video"),
    ("model",),
    refused=(
        ("sam3", "it takes words here; give it to the method concepts"),
        ("sam_hq", "its masks come from layers that are not read here; take sam-base or sam2-tiny"),
    ),
)
_CLASSES = {"sam": "SamModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
BACKGROUND_POINT, OBJECT_POINT = 0, 1
"""Labels of points: beside the object, and on it."""


@dataclass(frozen=True)
class EncodedImage:
    """An image as the network has encoded it, for any number of prompts; `size` is its own (h, w)."""

    features: Any
    size: tuple[int, int]


@dataclass(frozen=True)
class PromptedMasks(TensorRecord):
    """Logits of the masks of each prompt, above 0 inside, and the IoU that the network expects of each, in [0, 1]."""

    logits: Float[Tensor, "p m y x"]
    scores: Float[Tensor, "p m"]

    def best(self) -> Float[Tensor, "p y x"]:
        """Returns the logits of the mask of each prompt with the highest score."""
        chosen = self.scores.argmax(dim=1)
        return self.logits[torch.arange(len(chosen), device=chosen.device), chosen]


class PromptableSegmenter(nn.Module):
    """SAM or SAM 2, frozen, for images in [0, 1] and prompts in their pixels (x to the right, y down).

    SAM takes images with their longer side resized to `side` and the rest empty, SAM 2 squeezed to a square.

    Source: Kirillov et al., ICCV 2023; Ravi et al., SAM 2, 2024; the image processors of transformers for the input.
    """

    def __init__(self, model: nn.Module, normalise: Normalise, side: int, padded: bool, found: ModelFiles) -> None:
        super().__init__()
        self.model: Any = model
        self.normalise = normalise
        self.side = side
        self.padded = padded
        self.found = found

    @classmethod
    def load(cls, source: str | Path, dtype: str | torch.dtype = "float32") -> "PromptableSegmenter":
        """Loads SAM or SAM 2 from a folder, an id of the hub or a short name; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or neither of the two.
        """
        wanted = parse_dtype(dtype)  # before anything is downloaded
        place, revision = parse_source(source)
        found = find_model(place, "promptable", PROMPTABLE_LAYOUT, revision)
        name = _CLASSES[found.description["model_type"]]
        model = load_network(getattr(import_library("transformers"), name), found.folder, wanted)
        settings = read_preprocessing(found.folder)
        side = model.config.prompt_encoder_config.image_size
        side = side if isinstance(side, int) else side[0]
        normalise = authors_normalisation(settings, IMAGENET_MEAN, IMAGENET_STD)
        return cls(model, normalise, side, name == "SamModel", found).eval()

    @torch.no_grad()
    def encode(self, image: Float[Tensor, "1 3 h w"]) -> EncodedImage:
        """Encodes an image once for all prompts."""
        size = (image.shape[-2], image.shape[-1])
        resized = resize_antialiased(image, self._inner(size)).clamp(0, 1)
        below, beside = self.side - resized.shape[-2], self.side - resized.shape[-1]
        pixels = F.pad(self.normalise(resized), (0, beside, 0, below))
        dtype = next(self.model.parameters()).dtype
        return EncodedImage(self.model.get_image_embeddings(pixels.to(dtype)), size)

    @torch.no_grad()
    def masks(
        self,
        image: EncodedImage,
        points: Float[Tensor, "p n 2"] | None = None,
        labels: Int64[Tensor, "p n"] | None = None,
        boxes: Float[Tensor, "p 4"] | None = None,
        rough: Float[Tensor, "p y x"] | None = None,
    ) -> PromptedMasks:
        """Returns masks of prompts, several of each, such as part and whole.

        Args:
            image: result of `encode`.
            points: x and y of the points of each prompt, in pixels of the image.
            labels: `OBJECT_POINT` or `BACKGROUND_POINT` for each point; all are on the object if not given.
            boxes: x and y of the top left and the bottom right corner.
            rough: logits of earlier masks of this network, one for each prompt.

        Raises:
            ValueError: there is no prompt, or the output is not finite.
        """
        if points is None and boxes is None and rough is None:
            raise ValueError("expected points, boxes or masks as prompts, got none")
        weight = next(self.model.parameters())
        height, width = self._inner(image.size)
        factor = torch.tensor([width / image.size[1], height / image.size[0]])
        given: dict[str, Any] = {}
        if points is not None:
            given["input_points"] = (points.cpu() * factor)[None].to(weight)
            on = torch.ones(points.shape[:2], dtype=torch.int64) if labels is None else labels
            given["input_labels"] = on[None].to(weight.device)
        if boxes is not None:
            given["input_boxes"] = (boxes.cpu() * factor.repeat(2))[None].to(weight)
        if rough is None:
            return self._asked(image, given)
        if len(rough) == 1:
            return self._asked(image, {**given, "input_masks": rough[None].to(weight)})
        single = [  # a mask prompt holds for all points and boxes that are asked together
            self._asked(image, {**{k: v[:, p : p + 1] for k, v in given.items()},
                                "input_masks": rough[p][None, None].to(weight)})
            for p in range(len(rough))
        ]  # fmt: skip
        return PromptedMasks(torch.cat([one.logits for one in single]), torch.cat([one.scores for one in single]))

    def _asked(self, image: EncodedImage, given: dict[str, Any]) -> PromptedMasks:
        found = self.model(image_embeddings=image.features, multimask_output=True, **given)
        check_finite(found.pred_masks, "the masks of these prompts", self.model)
        return PromptedMasks(found.pred_masks[0].float(), found.iou_scores[0].float())

    def at_size(self, logits: Float[Tensor, "s y x"], size: tuple[int, int]) -> Float[Tensor, "s h w"]:
        """Returns logits of masks at the size of the image they are of."""
        height, width = self._inner(size)
        whole = resize_half_pixel(logits[None], (self.side, self.side))[..., :height, :width]
        return resize_half_pixel(whole, size)[0]

    def inside(self, logits: Float[Tensor, "s y x"], size: tuple[int, int]) -> Float[Tensor, "s a b"]:
        """Returns the part of masks at the network's resolution that the image covers."""
        height, width = self._inner(size)
        rows, columns = logits.shape[-2:]
        return logits[..., : -(-height * rows // self.side), : -(-width * columns // self.side)]

    def _inner(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the height and width to which an image is resized within the square."""
        if not self.padded:
            return self.side, self.side
        factor = self.side / max(size)
        return int(size[0] * factor + 0.5), int(size[1] * factor + 0.5)

    def identity(self) -> str:
        """Returns an identifier of the exact weights; see `ModelFiles.identity`."""
        return self.found.identity()
