"""Segmenters of transformers: images to logits of their own classes.

Axes: b images, t classes of the network, q queries, h rows, w columns.
"""

import importlib.util
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles, find_model, parse_source
from seglet.models.foundation.image_input import authors_normalisation, read_preprocessing, round_to_multiple
from seglet.models.foundation.image_windows import over_square_windows
from seglet.models.foundation.loading import import_library, load_network, quiet_libraries
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from seglet.tensors import MapSize, at_least_float32, resize_antialiased, resize_half_pixel

_OF_LOGITS = ("segformer", "upernet", "dpt", "mobilevit", "beit")
_OF_MASKS = ("mask2former", "maskformer", "oneformer", "eomt")
_OF_ONE_SIZE = ("dpt", "beit", "eomt")
"""Kinds whose positions are made for squares of one size."""

SEGMENTER_LAYOUT = ModelLayout("a segmenter", "config.json", (*_OF_LOGITS, *_OF_MASKS), ("model",))
_IDLE = ("criterion.",)  # weights of the classes in the training loss
_MULTIPLE = 32
_BGR = {"mobilevit"}
_HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_LEAST = 1e-9
"""Least score of a class beside the largest sigmoid of its pixel, so that its logarithm stays finite."""
_TINY = torch.finfo(torch.float32).tiny


class PretrainedSegmenter(nn.Module):
    """A segmenter of transformers that normalises and resizes for itself, frozen.

    Views keep their scale, rounded to multiples of 32; kinds that take one size alone (BEiT, DPT, EoMT) are shown
    squares of it (`over_square_windows`). Kinds that predict masks and their classes (Mask2Former, OneFormer, …) give
    the logarithm of Σ_q softmax(class without the void) · sigmoid(mask), whose softmax is that sum in shares.
    """

    task: Tensor | None

    def __init__(self, model: nn.Module, normalise: Normalise, found: ModelFiles, task: Tensor | None = None) -> None:
        super().__init__()
        self.model = model
        self.normalise = normalise
        self.found = found
        config: Any = model.config
        self.kind: str = config.model_type
        self.class_names = tuple(str(config.id2label[place]).strip() for place in range(config.num_labels))
        self.register_buffer("task", task, persistent=False)

    @classmethod
    def load(cls, source: str | Path, revision: str | None = None, offline: bool = False) -> "PretrainedSegmenter":
        """Loads a segmenter from a folder or a hub id, `hf:OWNER/NAME@REVISION` or a part of it; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no segmenter of these kinds, or scipy is missing.
        """
        place, given = parse_source(source)
        found = find_model(place, "segmenter", SEGMENTER_LAYOUT, revision or given, offline)
        _check_purpose(found)
        kind = found.description["model_type"]
        library = import_library("transformers")
        masks = kind in _OF_MASKS
        auto = library.AutoModelForUniversalSegmentation if masks else library.AutoModelForSemanticSegmentation
        model = load_network(auto, found.folder, "float32", _IDLE, trust_remote_code=False)
        task = _semantic_task(model, found.folder) if kind == "oneformer" else None
        return cls(model, _normalisation(found.folder, kind), found, task).eval()

    def forward(self, images: Float[Tensor, "b 3 _ _"]) -> Float[Tensor, "b t h w"]:
        """Computes logits at the network's own resolution, mostly a quarter of the image."""
        return self._logits(images, whole=False)

    def predict(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b t h w"]:
        """Computes logits at the size of the images, one image after the other, as the library's post-processing does.

        Masks are resized to the network's input before their sigmoid, scores of classes after it.
        """
        size = images.shape[-2:]
        return torch.cat([self._at(self._logits(image[None], whole=True), size) for image in images])

    def _at(self, logits: Tensor, size: MapSize) -> Tensor:
        if self.kind in _OF_LOGITS:
            return resize_half_pixel(logits, size)
        return resize_half_pixel(logits.exp(), size).clamp_min(_TINY).log()

    def _logits(self, images: Tensor, whole: bool) -> Tensor:
        normalised = self.normalise(images)
        if self.kind in _OF_ONE_SIZE:
            side, patch = (_whole(getattr(self.model.config, name)) for name in ("image_size", "patch_size"))
            return over_square_windows(normalised, side, patch, lambda view: self._run(view, whole))
        size = round_to_multiple((images.shape[-2], images.shape[-1]), _MULTIPLE)
        return self._run(resize_antialiased(normalised, size), whole)

    def _run(self, pixels: Tensor, whole: bool) -> Tensor:
        given = {} if self.task is None else {"task_inputs": self.task.expand(len(pixels), -1)}
        output = self.model(pixel_values=pixels, **given)
        if self.kind in _OF_LOGITS:
            logits: Tensor = output.logits
            return logits
        masks = output.masks_queries_logits
        if whole and self.kind in ("mask2former", "eomt"):
            masks = resize_half_pixel(masks, pixels.shape[-2:])
        return semantic_logits(output.class_queries_logits, masks)

    def identity(self) -> str:
        """Returns an identifier of the exact weights; see `ModelFiles.identity`."""
        return self.found.identity()


def semantic_logits(classes: Float[Tensor, "b q void"], masks: Float[Tensor, "b q h w"]) -> Float[Tensor, "b t h w"]:
    """Computes log Σ_q softmax(classes) · sigmoid(mask) without the last class, the void.

    The largest sigmoid of a pixel is taken out of its sum, so that faint masks do not underflow.

    Source: Cheng et al., NeurIPS 2021 (MaskFormer), semantic inference.
    """
    chances = at_least_float32(classes).softmax(dim=-1)[..., :-1]
    log_masks = F.logsigmoid(at_least_float32(masks))
    largest = log_masks.amax(dim=1, keepdim=True)
    scores = torch.einsum("bqt,bqhw->bthw", chances, (log_masks - largest).exp())
    return scores.clamp_min(_LEAST).log() + largest


def _whole(side: Any) -> int:
    return int(side if isinstance(side, int) else side[0])


def _check_purpose(found: ModelFiles) -> None:
    made_for = found.description.get("architectures") or []
    if made_for and not any("Segmentation" in name for name in made_for):
        raise ValueError(
            f"{found.repository or found.folder} is a {made_for[0]} and predicts no masks; give a segmenter, such as "
            "nvidia/segformer-b0-finetuned-ade-512-512"
        )
    if found.description["model_type"] in _OF_MASKS and importlib.util.find_spec("scipy") is None:
        raise ValueError(
            f"transformers runs {found.description['model_type']} only where scipy is installed; "
            'run pip install "seglet[teachers]"'
        )


def _normalisation(folder: Path, kind: str) -> Normalise:
    """Returns the authors' normalisation of images in [0, 1]; where none is stored, the library's of the kind."""
    settings = read_preprocessing(folder)
    bgr = bool(settings.get("do_flip_channel_order", kind in _BGR))
    if not settings.get("do_normalize", kind not in _BGR):
        settings = {"image_mean": (0, 0, 0), "image_std": (1, 1, 1)}
    mean, std = _HALVES if kind in ("beit", "dpt") else (IMAGENET_MEAN, IMAGENET_STD)
    return authors_normalisation(settings, mean, std, bgr)


def _semantic_task(model: Any, folder: Path) -> Float[Tensor, "1 n"]:
    """Returns OneFormer's task text as the library's processor encodes it."""
    for part in model.modules():
        if hasattr(part, "is_training"):
            part.is_training = False  # else it asks for texts of its training loss
    with quiet_libraries():
        tokenizer = import_library("transformers").AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    limit = {"padding": "max_length", "max_length": model.config.task_seq_len, "truncation": True}
    encoded = tokenizer(["the task is semantic"], return_tensors="pt", **limit)
    text: Tensor = encoded["input_ids"] * encoded["attention_mask"]
    return text.float()
