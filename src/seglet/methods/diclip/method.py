"""DiCLIP: masks from image tags by CLIP and Stable Diffusion. Equation and section numbers are the paper's.

Axes: b images, k classes, f foreground classes, n patches, d channels of the space that images and texts share, y rows
and x columns of pixels, h and w of the grid of patches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.data.artefact import Artefact
from seglet.data.columns.producer import ColumnProducer
from seglet.data.columns.token_grid import covered_tokens
from seglet.data.prompts.read import PUBLISHED_PROMPTS, prompts_for
from seglet.files import file_sha256
from seglet.labels.cam.background import add_absence_background
from seglet.losses.affinity import affinity_loss, pair_labels
from seglet.losses.task import cross_entropy
from seglet.methods import base, protocols
from seglet.methods.class_texts import embed_class_texts
from seglet.methods.clip_student import build_clip_segmenter, drop_backbone, image_tower, keep_backbone
from seglet.methods.diclip.attention import (
    ATTENTION_COLUMN,
    REGIONS_COLUMN,
    AttentionColumn,
    RegionsColumn,
    weights_identity,
)
from seglet.methods.diclip.config import Config
from seglet.methods.diclip.enhanced_clip import EnhancedCLIP, PatchMaps
from seglet.methods.diclip.labels import as_grid, label_maps_from_cams, refine_maps, spread_along_attention
from seglet.methods.diclip.online import OnlineKeys
from seglet.methods.diclip.stages import attention_stages, map_stages
from seglet.methods.diclip.tsa import CACHE_ARTEFACT, CacheArtefact, CacheEncoder, dynamic_cam, static_cam
from seglet.methods.diclip.vce import clip_attention, encoder_keys
from seglet.methods.task_loss import TaskLoss
from seglet.models.clip_cache.adapter import CacheAdapter
from seglet.models.clip_cache.cache import KeyValueCache, retrieve_values, unit_directions
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.dropout import noise_from
from seglet.models.layers.patch_features import cosine_affinity, masked_mean
from seglet.models.segmenter import Segmenter
from seglet.tensors import resize_antialiased
from seglet.types import (
    IGNORE,
    Classes,
    Crop,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    with_background,
    without_background,
)

_CAA_LAYERS = 6
"""Number of CLIP's last layers along whose attention maps are spread; ExCEL code."""

_KEYS = 10
"""Number of keys per class that a random adapter without a cache has where the config asks for all features."""

_REMEMBERED = 10
"""Number of regions of each class that are remembered where the config has no `online_keys`."""

_ADAPTER = 0xADA
"""Purpose of the draws of the adapter, beside those of the decoder."""


class Method(
    base.Method[Tagged],
    protocols.RestoredArtefacts,
    protocols.UnsynchronisedBuffers,
    protocols.TrainingNotes,
    protocols.LabelMaps,
    protocols.MapValidation,
    protocols.ImageMemory,
    protocols.Explanations,
):
    """A decoder on frozen CLIP, trained on pseudo labels that CLIP, diffusion and a cache of images make of tags."""

    columns = (ATTENTION_COLUMN, REGIONS_COLUMN)
    supervision = Tagged

    taught: Tensor  # whether the adapter has been trained; named so in the checkpoints of 0.1.0

    def __init__(self, config: Config, student: Segmenter, clip: EnhancedCLIP, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.clip = clip
        self.seed = seed
        self.cache: KeyValueCache | None = None
        self.adapter: CacheAdapter | None = None
        self.online: OnlineKeys | None = None
        self.recalls = False  # whether scores of the adapter are joined by those of remembered images
        if config.cache_from == "none" and config.adapter and config.adapter_random:  # Table XV, 0C
            keys = (len(student.classes) - 1) * sum(count or _KEYS for count in config.counts)
            self.adapter = self._adapter_of(KeyValueCache.blank(keys, self.tower.dim, len(student.classes)))
        self.register_buffer("taught", torch.zeros((), dtype=torch.bool))
        self.register_state_dict_post_hook(drop_backbone)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(keep_backbone)  # type: ignore[no-untyped-call]

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """Loads CLIP, embeds the class prompts and builds the decoder.

        Raises:
            ValueError: the first class is not the background; CLIP cannot be loaded, or knows no word of a class.
        """
        check_background_first(classes)
        clip = ImageTextEncoder.load(config.clip_model)
        student = build_clip_segmenter(clip, classes, seed, config.head, config.width, config.dropout)
        texts = embed_class_texts(clip.text, classes, config.prompts, config.background_overlap == "drop")
        return cls(config, student, EnhancedCLIP(config, texts), seed)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        if config.from_models and not config.attention_loop:
            return [AttentionColumn(config)]
        return [RegionsColumn()] if config.attention == "oracle" else []

    @classmethod
    def artefacts(cls, config: Config, classes: Classes) -> Sequence[Artefact]:
        """Returns the cache, unless `cache_from` is none.

        Raises:
            ValueError: the first class is not the background, or the cache needs oracle attention.
        """
        check_background_first(classes)
        if config.cache_from == "none":
            return []
        if config.attention == "oracle":
            raise ValueError("oracle attention needs masks, and images of the cache have none; set cache_from to none")
        words = prompts_for(classes, config.prompts).drawn
        keys = encoder_keys(config)
        keys |= {name: getattr(config, name) for name in ("prompts", "background_power", "par_steps")}
        if config.prompts and config.prompts not in PUBLISHED_PROMPTS:
            keys["prompts"] = file_sha256(Path(config.prompts))  # what the file says, wherever it lies
        models = [weights_identity(config.clip_model, "clip"), *config.identities]

        def load_encoder(device: torch.device) -> CacheEncoder:
            method = cls.build(config, classes, 0).to(device).eval()
            return CacheEncoder(method.encode_tagged, method.clip.words, method.clip.notes)

        return [CacheArtefact(config, classes, keys, ", ".join(models), load_encoder, words)]

    @classmethod
    def artefacts_of_state(cls, state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """Returns the cache in a checkpoint's state."""
        start = f"{CACHE_ARTEFACT}."
        cache = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
        return {CACHE_ARTEFACT: cache} if cache else {}

    def load_artefacts(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes the cache, and builds the adapter that starts as a copy of it (Eq. 12)."""
        if CACHE_ARTEFACT not in tensors:
            return
        config = self.config
        self.cache = KeyValueCache(**tensors[CACHE_ARTEFACT])
        if config.adapter:
            self.adapter = self._adapter_of(self.cache)
        if config.online_keys:
            classes = len(self.student.classes) - 1
            self.online = OnlineKeys(classes, config.online_keys, self.cache.keys.shape[1])

    def _adapter_of(self, cache: KeyValueCache) -> CacheAdapter:
        config, generator = self.config, torch.Generator().manual_seed(self.seed ^ _ADAPTER)
        return CacheAdapter(cache, generator, config.adapter_prompts, config.adapter_random, config.sharpness)

    def train(self, mode: bool = True) -> "Method":
        """Sets the mode of everything but CLIP, which stays in evaluation mode."""
        super().train(mode)
        self.student.network.backbone.eval()
        return self

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes L = L_seg + λ L_CAM (Sec. III-E); the term `confident` is the fraction of labelled pixels."""
        tags, encoded = without_background(step.tags), self.clip.encode_step(self.tower, step)
        static = static_cam(self.config, encoded.cam, self._retrieved(encoded))
        with noise_from(self.student, progress.generator(step.images.device)):
            prediction = self.student.network(step.images)
        cam, terms = static, {}
        if self.adapter is not None:
            learned = self.adapter(encoded.patches)
            target = self._target(static, encoded, tags, step)
            terms["cam"] = cross_entropy(as_grid(learned.mT, encoded.grid), target)  # Eq. 14
            cam = dynamic_cam(self.config, encoded.cam, learned.detach(), tags)  # Eq. 13
        target = self._target(cam, encoded, tags, step)
        terms |= self.task.parts("seg", prediction.logits, target)
        terms["confident"] = (target.labels != IGNORE).float().mean()
        total = terms["seg"]
        if "cam" in terms:
            total = total + self.config.cam_weight * terms["cam"]  # Eq. 15
        if self.config.affinity_weight:
            size = (prediction.feature.shape[2], prediction.feature.shape[3])
            pairs = pair_labels(target.labels, size, self.config.affinity_radius)
            terms["affinity"] = affinity_loss(cosine_affinity(prediction.feature), pairs)
            total = total + self.config.affinity_weight * terms["affinity"]
        if self.online is not None and progress.fraction >= self.config.online_start:
            self._remember(self._regions(cam, encoded, tags, step), (progress.step, step.ids))
        return Losses(total, terms)

    @property
    def tower(self) -> ImageTower:
        """CLIP's image tower, the backbone of the student."""
        return image_tower(self.student)

    @torch.no_grad()
    def _retrieved(self, encoded: PatchMaps) -> Float[Tensor, "b n k"] | None:
        """Queries the cache, and the keys learned online if there are any, for each patch."""
        if self.cache is None:
            return None
        if self.online is None:
            return torch.as_tensor(self.cache(encoded.patches, self.config.sharpness))
        keys, values = self.online.filled()
        queries = unit_directions(encoded.patches, self.cache.centre)
        both = torch.cat([self.cache.keys, keys]), torch.cat([self.cache.values, values])
        return retrieve_values(queries, *both, self.config.sharpness)

    @torch.no_grad()
    def _target(
        self, cam: Float[Tensor, "b f n"], encoded: PatchMaps, tags: Float[Tensor, "b f"], step: Tagged
    ) -> Target:
        """Returns the pseudo labels of maps, void outside the image."""
        labels = label_maps_from_cams(self.config, self._spread(cam, encoded, step.images), tags, step.images)
        inside = covered_tokens(step.crop, (labels.shape[1], labels.shape[2]))
        return Target(labels.masked_fill(~inside, IGNORE), torch.ones_like(labels, dtype=torch.float32))

    def _spread(self, cam: Float[Tensor, "b f n"], encoded: PatchMaps, images: Tensor) -> Float[Tensor, "b f h w"]:
        """Returns maps on the grid, spread along CLIP's own attention if the config says so."""
        maps = as_grid(cam, encoded.grid)
        if not self.config.caa:
            return maps
        return spread_along_attention(maps, clip_attention(self.tower, images, _CAA_LAYERS), self.config.caa)

    def _remember(
        self,
        regions: Iterable[tuple[int, int, Float[Tensor, " d"]]],
        origin: tuple[int, Sequence[str]],
        shift: int = 0,
    ) -> None:
        """Stores keys of regions, as of a class `shift` places further; `origin` is the step and the ids of images."""
        if self.online is None or self.cache is None:
            return
        step, names = origin
        classes = len(self.student.classes) - 1
        for image, label, feature in regions:
            self.online.learn(feature, self.cache.centre, 1 + (label - 1 + shift) % classes, (step, names[image]))

    @torch.no_grad()
    def _regions(
        self, cam: Float[Tensor, "b f n"], encoded: PatchMaps, tags: Float[Tensor, "b f"], step: Tagged
    ) -> list[tuple[int, int, Float[Tensor, " d"]]]:
        """Returns image, class and mean feature of the regions, padding left out, where the maps are confident."""
        maps = refine_maps(self.config, as_grid(cam, encoded.grid), tags, step.images)
        inside = covered_tokens(step.crop, (maps.shape[2], maps.shape[3]))
        shares = maps / maps.sum(dim=1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
        patches = as_grid(encoded.patches.mT, encoded.grid)
        found = []
        for image, label in with_background(tags, 0.0).nonzero().tolist():
            sure = (shares[image, label] >= self.config.online_confidence) & inside[image]
            if sure.any():
                feature, _ = masked_mean(patches[image : image + 1], sure[None].float())
                found.append((image, label, feature[0]))
        return found

    @torch.no_grad()
    def remember_images(
        self, names: Sequence[str], images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b f"], shuffled: bool
    ) -> int:
        """Remembers regions as training does with `online_keys`, which are 10 here if none are set; see `label_maps`.

        The regions are those of the maps without anything remembered before, so their order decides only which are
        forgotten first.
        """
        if self.cache is None:
            raise ValueError("there is no cache to add remembered regions to; choose another cache_from than none")
        if self.online is None:
            classes, places = len(self.student.classes) - 1, self.config.online_keys or _REMEMBERED
            self.online = OnlineKeys(classes, places, self.cache.keys.shape[1]).to(images.device)
        view = resize_antialiased(images, self.config.map_sides((images.shape[2], images.shape[3])))
        whole = images.new_tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(images), -1)
        crop = Crop(whole, torch.zeros(len(images), dtype=torch.bool, device=images.device))
        step = Tagged(tuple(names), view, with_background(tags, 0.0), crop)
        encoded = self.clip.encode_images(self.tower, view)
        own = self.cache(encoded.patches, self.config.sharpness)
        regions = self._regions(self._cam(encoded, own, tags, None), encoded, tags, step)
        self._remember(regions, (0, names), shift=int(shuffled))
        self.recalls = True
        return len(regions)

    def _cam(
        self,
        encoded: PatchMaps,
        retrieved: Float[Tensor, "b n k"] | None,
        tags: Float[Tensor, "b f"],
        recalled: Float[Tensor, "b n k"] | None,
    ) -> Float[Tensor, "b f n"]:
        """Returns static maps or, of a trained adapter, dynamic ones; `recalled` scores are added to the adapter's."""
        if self.adapter is None or not bool(self.taught):
            return static_cam(self.config, encoded.cam, retrieved)
        learned = self.adapter(encoded.patches)
        return dynamic_cam(self.config, encoded.cam, learned if recalled is None else learned + recalled, tags)

    @torch.no_grad()
    def _recalled(self, encoded: PatchMaps) -> Float[Tensor, "b n k"] | None:
        """Queries what `remember_images` stored, for each patch; None before."""
        if not self.recalls or self.online is None or self.cache is None:
            return None
        queries = unit_directions(encoded.patches, self.cache.centre)
        return retrieve_values(queries, *self.online.filled(), self.config.sharpness)

    @torch.no_grad()
    def encode_tagged(self, images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b f"]) -> tuple[Tensor, Tensor]:
        """Returns patch features, and masks of the tagged classes by text alone, for the cache (Sec. III-D, D.1)."""
        encoded = self.clip.encode_images(self.tower, images)
        labels = refine_maps(self.config, as_grid(encoded.cam, encoded.grid), tags, images).argmax(dim=1)
        return as_grid(encoded.patches.mT, encoded.grid), (labels > 0).float()

    @torch.no_grad()
    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """Returns class maps at the size of the images, before PAR, as the mean over `cam_scales` of `map_size`."""
        size = (images.shape[2], images.shape[3])
        views = [resize_antialiased(images, side) for side in self.config.view_sizes(size)]
        attention = self.clip.attention_of_views(self.tower, images, views, regions)
        encoded = [self.clip.encode(self.tower, view, given) for view, given in zip(views, attention, strict=True)]
        maps = [self._maps_of(one, view, tags, size) for one, view in zip(encoded, views, strict=True)]
        return torch.stack(maps).mean(dim=0)

    def scored_maps(self) -> int:
        return self.config.scored_maps

    @torch.no_grad()
    def step_maps(self, step: Tagged) -> Float[Tensor, "b k y x"]:
        """Returns maps as `label_maps` does at one size, with attention from the columns of the step."""
        size = (step.images.shape[2], step.images.shape[3])
        view = replace(step, images=resize_antialiased(step.images, self.config.map_sides(size)))
        tags = without_background(step.tags)
        return self._maps_of(self.clip.encode_step(self.tower, view), view.images, tags, size)

    def _maps_of(
        self, encoded: PatchMaps, view: Tensor, tags: Float[Tensor, "b f"], size: tuple[int, int]
    ) -> Float[Tensor, "b k y x"]:
        cam = self._cam(encoded, self._retrieved(encoded), tags, self._recalled(encoded))
        return add_absence_background(self._spread(cam, encoded, view), tags, size, self.config.background_power)

    @torch.no_grad()
    def explain(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> protocols.Explanation:
        """Returns the maps of Table IV, and attention before and after ACR and fusion; ignores `cam_scales`."""
        view = resize_antialiased(images, self.config.map_sides((images.shape[2], images.shape[3])))
        attention = self.clip.attention_of_views(self.tower, images, [view], regions)[0]
        plain, encoded = (self.clip.encode(self.tower, view, used) for used in (None, attention))
        learned = None
        if self.adapter is not None and bool(self.taught):
            learned = (self.adapter(encoded.patches), tags)
        maps = map_stages(self.config, plain.cam, encoded.cam, self._retrieved(encoded), learned)
        on_grid = {name: self._spread(cam, encoded, view) for name, cam in maps.items()}
        return protocols.Explanation(on_grid, attention_stages(self.config, self.tower, view, attention))

    def after_step(self, progress: Progress) -> None:
        self.taught.fill_(True)

    def unsynchronised_buffers(self) -> list[str]:
        """Returns all buffers but those of the online keys: the others never change, or change alike."""
        return [name for name, _ in self.named_buffers() if not name.startswith("online.")]

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns notes on how CLIP reads the class names, and on classes without images in the cache."""
        names = self.student.classes.names
        lacking = [] if self.cache is None else [names[label] for label in self.cache.classes_without_keys()]
        if not lacking:
            return list(self.clip.notes)
        return [*self.clip.notes, f"the cache has no image of {', '.join(lacking)}: their maps come from text alone"]
