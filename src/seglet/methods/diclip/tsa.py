"""Text semantic augmentation (TSA): a cache of what classes look like in images, queried for every patch.

Axes: b images, h rows, w columns, n patches, d channels, k classes, f foreground classes, i j images of one class.
Equation and table numbers are DiCLIP's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seglet.data.artefact import Artefact, Reporter
from seglet.data.dataset import Dataset
from seglet.data.prompts.class_prompts import readable_name
from seglet.labels.cam.text_cam import enhance_cam, scale_to_range, static_scores
from seglet.methods.diclip.cache_images import (
    CacheImagesConfig,
    as_tensor,
    drawn_images,
    generated_images,
    images_hash,
    read_as_tensors,
    single_class_samples,
    users_images,
)
from seglet.models.clip_cache.build import build_cache
from seglet.models.layers.patch_features import masked_mean
from seglet.tensors import resize_antialiased
from seglet.types import Classes, option, tag_vector, with_background, without_background

CACHE_ARTEFACT = "cache"
EncodeTagged = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes images b 3 h w and their tags b f, returns patch features b d y x and masks b y x of the tagged classes."""


@dataclass(frozen=True)
class TSAConfig(CacheImagesConfig):
    """Keys of how the cache is built and queried."""

    cache_size: int = option(320, "side in pixels that images of the cache are resized to; the paper's crop")
    cache_centroids: int = option(
        10, "N, keys per class; 10 on VOC, 5 on COCO; Table VI e; 0 keeps all features (Table V)"
    )
    background_centroids: int = option(1, "background keys per class; 1: 20 of the 220 keys on VOC")
    cache_weighted: bool = option(
        True, "weight values by the similarity of their key to the class's text, Eq. 10; else one-hot"
    )
    cache_centred: bool = option(True, "subtract the mean key before comparing, for CLIP features lie in a narrow cone")
    cache_negative: bool = option(True, "let background keys count against a class; Table IV")
    cache_weight: float = option(0.5, "γ of Eq. 11 and 13, weight of the cache's scores; Table VI g")
    sharpness: float = option(5.5, "how fast the influence of a key falls with distance; Tip-Adapter: 1 to 5.5")
    adapter: bool = option(
        True, "train an adapter that starts as the cache, and take pseudo labels from it; Eq. 12, 13"
    )
    adapter_prompts: int = option(92, "Q, additional keys that belong to no class at first; Table VI f: 92 on VOC")
    adapter_random: bool = option(
        False, "start the adapter with random weights instead of the cache; Table V; without any cache: Table XV, 0C"
    )
    dynamic: Literal["range", "softmax"] = option(
        "range", "scaling of the adapter's scores to maps: each class to its range, or softmax over the classes"
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
        """Keys per class and background keys per class; None keeps all features."""
        return self.cache_centroids or None, self.background_centroids or None


@dataclass(frozen=True)
class CacheEncoder:
    """The encoder of the cache, embeddings of the prompts, and remarks on how CLIP reads them."""

    encode: EncodeTagged
    texts: Float[Tensor, "f d"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CacheArtefact(Artefact):
    """The cache of a class set.

    Args:
        encoder_keys: config keys that decide what the encoder returns.
        encoder_weights: identity of the weights of all its models.
        load_encoder: loads CLIP and the models whose attention it gets, and reads the prompts.
        words: words for a class in the generator's prompt, by its name, where they are not its name.
    """

    shown: ClassVar[Mapping[str, str]] = {
        "settings.drawing.": "generator_", "settings.said.": "", "settings.cache_pictures": "cache_images",
        "changes.": "image ", "pictures": "training images",
    }  # fmt: skip

    config: TSAConfig
    classes: Classes
    encoder_keys: Mapping[str, Any]
    encoder_weights: str
    load_encoder: Callable[[torch.device], "CacheEncoder"]
    words: Mapping[str, str] = field(default_factory=dict)
    name: str = CACHE_ARTEFACT
    maker: str = "diclip-cache/1"

    @property
    def of_images(self) -> bool:  # type: ignore[override]
        return self.config.cache_from == "real"

    def identity(self) -> str:
        return self.encoder_weights

    def settings(self) -> Mapping[str, Any]:
        config = self.config
        own = ("cache_from", "cache_classes", "cache_size", "cache_centroids", "background_centroids",
               "cache_weighted", "cache_centred")  # fmt: skip
        drawing = config.drawing() if config.cache_from == "generated" else {}
        if drawing and (other := {name: said for name, said in self._words.items() if said != readable_name(name)}):
            drawing["words"] = other
        chosen = {name: getattr(config, name) for name in own} | {"cache_pictures": config.cache_images}  # as in 0.1.0
        named = {"drawing": drawing, "said": dict(self.encoder_keys)}  # as in 0.1.0, whose artefacts are still found
        if config.cache_from == "folder":
            files = zip(self._names, users_images(config, self._names), strict=True)
            named["cache_folder"] = {name: images_hash(of_class) for name, of_class in files}
        return {"classes": list(self.classes.names), **chosen, **named}

    def changes(self, root: Path) -> Mapping[str, Any]:
        """Returns the generated images that were rejected or replaced."""
        return drawn_images(self.config, self._words, root).changes() if self.config.cache_from == "generated" else {}

    def kept_folders(self, root: Path) -> Sequence[Path]:
        if self.config.cache_from != "generated":
            return ()
        return (drawn_images(self.config, self._words, root).folder,)

    def remaining_work(self, root: Path) -> str:
        if self.config.cache_from != "generated":
            return ""
        drawn = drawn_images(self.config, self._words, root)
        missing, every = len(drawn.missing()), sum(map(len, drawn.files))
        return f"{missing} of {every} images to generate" if missing else ""

    def make(self, root: Path, data: Dataset, device: torch.device, report: Reporter) -> dict[str, Tensor]:
        """Computes masks by VCE, features inside and around them (Eq. 8), and their centroids (Eq. 9).

        CLIP is opened and reads the classes before any image is generated.
        """
        encoder = self.load_encoder(device)
        for line in encoder.notes:
            report(line)
        encode, texts = encoder.encode, encoder.texts
        files = self._files(root, device, report)
        inside: list[Tensor] = []
        outside: list[Tensor] = []
        for label, name in self.classes.foreground.items():
            images: Iterable[Tensor] = ()
            if label <= self._known:
                images = read_as_tensors(files[label - 1]) if files else self._real_images(data, label)
            own, around, empty = self._features(encode, images, label, texts)
            if label <= self._known:
                self._note_shortage(report, name, len(own), empty)
            inside.append(own)
            outside.append(around)
        cache = build_cache(
            inside, outside, texts, self.config.counts, self.config.cache_weighted, self.config.cache_centred
        )
        return dict(cache.state_dict())

    def _files(self, root: Path, device: torch.device, report: Reporter) -> list[list[Path]]:
        """Returns the image files of each class that the cache has; none if they are samples of the data set."""
        if self.config.cache_from == "folder":
            return users_images(self.config, self._names)
        if self.config.cache_from == "real":
            return []
        return generated_images(self.config, self._words, root, device, report)

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the classes that the cache has images of."""
        return tuple(self.classes.foreground.values())[: self._known]

    @property
    def _words(self) -> dict[str, str]:
        """The words that each of these classes is drawn by."""
        return {name: self.words.get(name, readable_name(name)) for name in self._names}

    @property
    def _known(self) -> int:
        return max(1, round(self.config.cache_classes * (len(self.classes) - 1)))

    def _real_images(self, data: Dataset, label: int) -> Iterable[Tensor]:
        return (as_tensor(sample.image) for sample in single_class_samples(data, label, self.config.cache_images))

    def _features(
        self, encode: EncodeTagged, images: Iterable[Tensor], label: int, texts: Float[Tensor, "f d"]
    ) -> tuple[Float[Tensor, "i d"], Float[Tensor, "j d"], int]:
        """Returns features inside and around the masks of a class's images, and the number of images without a mask."""
        inside, outside, empty = [texts[:0]], [texts[:0]], 0
        tags = without_background(tag_vector([label], len(self.classes))[None]).to(texts.device)
        for image in images:
            side = (self.config.cache_size, self.config.cache_size)
            patches, masks = encode(resize_antialiased(image.to(texts.device), side), tags)
            own, found = masked_mean(patches, masks)
            around, left = masked_mean(patches, 1 - masks)
            inside.append(own[found].to(texts))
            outside.append(around[found & left].to(texts))
            empty += int((~found).sum())
        return torch.cat(inside), torch.cat(outside), empty

    def _note_shortage(self, note: Reporter, name: str, count: int, empty: int) -> None:
        wanted = self.config.counts[0] or 1
        if count == 0:
            note(f"{name}: no usable image; its maps come from text alone")
        elif empty:
            note(f"{name}: not found in {empty} of {count + empty} images, which are left out")
        if 0 < count < wanted:
            note(f"{name}: {count} images for {wanted} keys, so it has at most {count} keys")


def static_cam(
    config: TSAConfig, cam: Float[Tensor, "b f n"], retrieved: Float[Tensor, "b n k"] | None
) -> Float[Tensor, "b f n"]:
    """Adds the cache's scores, if there are any, to the patch-text maps (Eq. 2 and 11)."""
    if retrieved is None:
        return cam
    return enhance_cam(cam, static_scores(retrieved, config.cache_negative), config.cache_weight)


def dynamic_cam(
    config: TSAConfig, cam: Float[Tensor, "b f n"], learned: Float[Tensor, "b n k"], tags: Float[Tensor, "b f"]
) -> Float[Tensor, "b f n"]:
    """Adds the adapter's scores of the foreground classes to the patch-text maps (Eq. 13)."""
    if config.dynamic == "range":
        return enhance_cam(cam, without_background(scale_to_range(learned.float()).mT), config.cache_weight)
    absent = with_background(tags, 1.0)[:, None] == 0
    shares = learned.float().masked_fill(absent, -torch.inf).softmax(dim=2)
    return enhance_cam(cam, without_background(shares.mT), config.cache_weight)
