"""A network's look at one image: from sizes and mirrored views to class probabilities, moved to edges or not.

Axes: k classes, h rows, w columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from seglet.data.dataset import resized
from seglet.evaluation.inference import logits
from seglet.evaluation.options import EvaluationOptions
from seglet.inference.brighten import enhancer
from seglet.inference.from_tags import TagMaps
from seglet.inference.options import Seeing
from seglet.inference.refine import normalised, refine
from seglet.inference.refiner import Refiner
from seglet.models.class_maps import CAM_BACKGROUND, LEARNED_FROM_TAGS, class_maps
from seglet.models.image_tensor import pad_to
from seglet.models.multiscale import MultiScale
from seglet.models.segmenter import SMALLEST_SIDE, Segmenter
from seglet.tensors import resize_align_corners
from seglet.types import tag_vector, without_background

Seer = Segmenter | TagMaps
"""Whatever looks at images."""

Depth = Float[np.ndarray, "rows columns"]
"""Of an image, at any resolution, in [0, 1], 0 nearest."""


def taught_by_tags(model: Seer) -> bool:
    if isinstance(model, TagMaps):
        return True
    return model.architecture.head in LEARNED_FROM_TAGS


def check_network(model: Seer, seeing: Seeing) -> None:
    """
    Raises:
        ValueError: an option is not for this kind of network.
    """
    if isinstance(model, TagMaps):
        if not replace(seeing, refiner=None).plain or seeing.window is not None:
            raise ValueError("a method looks at images as its experiment says; leave out --scales, --flip, --window, "
                             "--background… and --least-score, and set its keys")  # fmt: skip
        return
    name, head = model.architecture.name, model.architecture.head
    own = {"background_power": ("ssss",), "background": ("cam",), "least_score": LEARNED_FROM_TAGS}
    for option, heads in own.items():
        if getattr(seeing, option) is not None and head not in heads:
            flag = option.replace("_", "-")
            raise ValueError(f"--{flag} is for {' and '.join(heads)} networks, this is {name}; leave it out")
    if not taught_by_tags(model):
        return
    if seeing.window is not None:
        raise ValueError(f"{name} scores the classes of whole images; leave --window out, or shrink with --resize")
    if model.classes.background != 0:
        raise ValueError(f"{name} has the background as class 0, but its class 0 is {model.classes.names[0]!r}")


def probabilities(
    model: Seer,
    image: UInt8[np.ndarray, "h w 3"],
    tags: Sequence[int] | None,
    seeing: Seeing,
    depth: Depth | None = None,
) -> Float32[np.ndarray, "k h w"]:
    """What the network makes of an image, with only the classes that may be there, and refined; see `settled`."""
    return settled(see(model, image, tags, seeing, depth), model, image, tags, seeing.refiner)


def settled(
    maps: Float32[np.ndarray, "k h w"],
    model: Seer,
    image: UInt8[np.ndarray, "h w 3"],
    tags: Sequence[int] | None,
    refiner: Refiner | None,
) -> Float32[np.ndarray, "k h w"]:
    """Only the classes among the tags, and background, compete; without tags (None) all do.

    Probabilities are those among the classes that compete: they sum to 1, or are 0 where none is possible.
    """
    kept = _possible(model, tags)
    scores = np.zeros_like(maps)
    if kept:
        probable = normalised(maps[kept])
        scores[kept] = probable if refiner is None else refine(probable, image, refiner)
    return scores


def _possible(model: Seer, tags: Sequence[int] | None) -> list[int]:
    if tags is None:
        return list(range(len(model.classes)))
    background = model.classes.background
    return sorted({*tags, *([] if background is None else [background])})


@torch.inference_mode()
def see(
    model: Seer,
    image: UInt8[np.ndarray, "h w 3"],
    tags: Sequence[int] | None,
    seeing: Seeing,
    depth: Depth | None = None,
) -> Float32[np.ndarray, "k h w"]:
    """What the network makes of an image, in [0, 1], at the image's size, before anything is refined.

    `depth` is for networks that are told it; see `Segmenter.predict`.
    """
    if isinstance(model, TagMaps):
        return model.maps(shown(image, seeing), tags, seeing.resize)
    images = model.planes(resized(shown(image, seeing), seeing.resize), depth)
    scores = _masks(model, images, tags, seeing) if taught_by_tags(model) else _averaged(model, images, seeing)
    return np.asarray(resize_align_corners(scores.float(), (image.shape[0], image.shape[1]))[0].cpu().numpy())


def shown(image: UInt8[np.ndarray, "h w 3"], seeing: Seeing) -> UInt8[np.ndarray, "h w 3"]:
    """The image, brightened if that is wanted."""
    return image if seeing.brighten is None else enhancer(seeing.brighten)(image)


def _masks(
    model: Segmenter, images: Float[Tensor, "1 planes h w"], tags: Sequence[int] | None, seeing: Seeing
) -> Float[Tensor, "1 k h w"]:
    head = model.architecture.head
    options = MultiScale(background_power=1.0) if head == "cam" else MultiScale()
    given = {name: getattr(seeing, name) for name in ("scales", "flip", "background_power", "least_score")}
    options = replace(options, **{name: value for name, value in given.items() if value is not None})
    present = None
    if tags is not None:
        present = without_background(tag_vector(tags, len(model.classes))[None]).to(images)
    background = CAM_BACKGROUND if seeing.background is None else seeing.background
    network = _of_any_size(lambda view: model.network(view).logits)
    return class_maps(head, network, images, options, present, background).masks


def _averaged(model: Segmenter, images: Float[Tensor, "1 planes h w"], seeing: Seeing) -> Float[Tensor, "1 k h w"]:
    options = EvaluationOptions(
        window=seeing.window, stride=seeing.stride, scales=seeing.scales or (1.0,), flip=bool(seeing.flip)
    )
    return logits(_of_any_size(model), images, options).softmax(dim=1)


def _of_any_size(predict: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same for views too small for a network, of which the last row and column are repeated meanwhile."""

    def padded(view: Float[Tensor, "b planes h w"]) -> Float[Tensor, "b k _ _"]:
        height, width = view.shape[2:]
        larger = pad_to(view, SMALLEST_SIDE)
        if larger is view:
            return predict(view)
        return resize_align_corners(predict(larger), (larger.shape[2], larger.shape[3]))[..., :height, :width]

    return padded
