"""Text semantic augmentation (TSA): classes known by images of them, in a memory that is looked up patch by patch.

Axes: b images, h rows, w columns, n patches, d channels, k classes without background, c = k + 1 with it.
Equation and table numbers are DiCLIP's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.artefact import Artefact
from seglet.data.dataset import Dataset
from seglet.labels.cam.text_cam import enhance_cam, scale_to_range, static_scores
from seglet.methods.diclip.cache_images import ImagesConfig, as_tensor, drawn, opened, single
from seglet.models.clip_cache.build import build_cache
from seglet.models.layers.patch_features import masked_mean
from seglet.tensors import resize_antialiased
from seglet.types import Classes, option, tag_vector, with_background, without_background

CACHE = "cache"
Look = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Images b 3 h w and their tags b k to patches b d y x and masks b h w of what is tagged."""


@dataclass(frozen=True)
class TSAConfig(ImagesConfig):
    """How the memory is built and looked up."""

    cache_size: int = option(320, "side that images to remember are resized to; the paper's crop")
    cache_centroids: int = option(10, "N: keys of each class; 10 on VOC, 5 on COCO; Table VI e; 0 keeps all (Table V)")
    background_centroids: int = option(1, "keys of what surrounds each class; 1: 20 of 220 keys on VOC")
    cache_weighted: bool = option(True, "values say as much as keys are like the class's word, Eq. 10; else one-hot")
    cache_centred: bool = option(True, "take off the mean key before comparing: features of CLIP lie in a narrow cone")
    cache_negative: bool = option(True, "what is known as background counts against a class; Table IV")
    cache_weight: float = option(0.5, "γ of Eq. 11 and 13; Table VI g")
    sharpness: float = option(5.5, "how fast a key is forgotten with distance; Tip-Adapter: 1 to 5.5")
    adapter: bool = option(True, "learn from the memory (Eq. 12 and 13), and teach with what is learned")
    adapter_prompts: int = option(92, "Q: keys that belong to no class yet; Table VI f: 92 on VOC")
    adapter_random: bool = option(False, "start the adapter from chance instead of the memory; Table V")
    dynamic: Literal["range", "softmax"] = option(
        "range", "how the adapter's scores become maps: each class scaled to its range, or probabilities"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_size < 1:
            raise ValueError(f"cache_size: expected at least 1, got {self.cache_size}")
        for name in ("cache_centroids", "background_centroids", "cache_weight", "sharpness", "adapter_prompts"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")

    @property
    def counts(self) -> tuple[int | None, int | None]:
        return self.cache_centroids or None, self.background_centroids or None


@dataclass(frozen=True)
class CacheArtefact(Artefact):
    """The memory of some classes; `look` opens CLIP and whoever lends it attention, when first called for.

    Args:
        said: whatever decides what `look` returns.
        words: opens the embeddings of the classes' prompts [k, d].
    """

    config: TSAConfig
    classes: Classes
    said: Mapping[str, Any]
    weights: str
    opens: Callable[[torch.device], tuple[Look, Float[Tensor, "k d"]]]
    name: str = CACHE
    maker: str = "diclip-cache/1"

    @property
    def of_images(self) -> bool:  # type: ignore[override]
        return self.config.cache_from == "real"

    def identity(self) -> str:
        return self.weights

    def settings(self) -> Mapping[str, Any]:
        config = self.config
        own = ("cache_from", "cache_classes", "cache_size", "cache_centroids", "background_centroids",
               "cache_weighted", "cache_centred")  # fmt: skip
        drawing = config.drawing() if config.cache_from == "generated" else {}
        chosen = {name: getattr(config, name) for name in own} | {"cache_pictures": config.cache_images}  # as in 0.1.0
        return {"classes": list(self.classes.names), **chosen, "drawing": drawing, "said": dict(self.said)}

    def make(self, root: Path, data: Dataset, device: torch.device, note: Callable[[str], None]) -> dict[str, Tensor]:
        """Masks by VCE, features under them and around them (Eq. 8), and their centroids (Eq. 9)."""
        names, known = tuple(self.classes.foreground.values()), self._known
        files = drawn(self.config, names[:known], root, device, note) if self.config.cache_from == "generated" else []
        look, words = self.opens(device)
        inside: list[Tensor] = []
        outside: list[Tensor] = []
        for label, name in self.classes.foreground.items():
            shown: Iterable[Tensor] = ()
            if label <= known:
                shown = opened(files[label - 1]) if files else self._real(data, label)
            own, around, empty = self._features(look, shown, label, words)
            if label <= known:
                self._tell(note, name, len(own), empty)
            inside.append(own)
            outside.append(around)
        cache = build_cache(
            inside, outside, words, self.config.counts, self.config.cache_weighted, self.config.cache_centred
        )
        return dict(cache.state_dict())

    @property
    def _known(self) -> int:
        return max(1, round(self.config.cache_classes * (len(self.classes) - 1)))

    def _real(self, data: Dataset, label: int) -> Iterable[Tensor]:
        return (as_tensor(sample.image) for sample in single(data, label, self.config.cache_images))

    def _features(
        self, look: Look, shown: Iterable[Tensor], label: int, words: Float[Tensor, "k d"]
    ) -> tuple[Float[Tensor, "i d"], Float[Tensor, "j d"], int]:
        """Of one class's images: features inside and around, and how many images show nothing."""
        inside, outside, empty = [words[:0]], [words[:0]], 0
        tags = without_background(tag_vector([label], len(self.classes))[None]).to(words.device)
        for image in shown:
            side = (self.config.cache_size, self.config.cache_size)
            patches, masks = look(resize_antialiased(image.to(words.device), side), tags)
            own, found = masked_mean(patches, masks)
            around, left = masked_mean(patches, 1 - masks)
            inside.append(own[found].to(words))
            outside.append(around[found & left].to(words))
            empty += int((~found).sum())
        return torch.cat(inside), torch.cat(outside), empty

    def _tell(self, note: Callable[[str], None], name: str, count: int, empty: int) -> None:
        wanted = self.config.counts[0] or 1
        if count == 0:
            note(f"{name}: no image shows it; its maps come from words alone")
        elif empty:
            note(f"{name}: in {empty} of {count + empty} images nothing of it is found; they are left out")
        if 0 < count < wanted:
            note(f"{name}: {count} images for {wanted} keys; it has {count} keys at most")


def static_cam(
    config: TSAConfig, cam: Float[Tensor, "b k n"], looked_up: Float[Tensor, "b n c"] | None
) -> Float[Tensor, "b k n"]:
    """The patch-text map, enhanced by what the memory says. Eq. 2 and 11."""
    if looked_up is None:
        return cam
    return enhance_cam(cam, static_scores(looked_up, config.cache_negative), config.cache_weight)


def dynamic_cam(
    config: TSAConfig, cam: Float[Tensor, "b k n"], learned: Float[Tensor, "b n c"], tags: Float[Tensor, "b k"]
) -> Float[Tensor, "b k n"]:
    """The patch-text map, enhanced by the foreground part of what the adapter says. Eq. 13."""
    if config.dynamic == "range":
        return enhance_cam(cam, without_background(scale_to_range(learned.float()).mT), config.cache_weight)
    absent = with_background(tags, 1.0)[:, None] == 0
    shares = learned.float().masked_fill(absent, -torch.inf).softmax(dim=2)
    return enhance_cam(cam, without_background(shares.mT), config.cache_weight)
