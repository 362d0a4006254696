"""DiCLIP (CLIP and Stable Diffusion, image tags in, masks out). Equation and section numbers are the paper's.

Axes: b images, k classes with the background first, n = k - 1 classes that a tag can name, p patches, c = k values of
the memory, d channels of the space of images and texts, y rows and x columns of pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from seglet.data.artefact import Artefact
from seglet.data.columns.producer import ColumnProducer
from seglet.data.columns.token_grid import covered_tokens
from seglet.labels.cam.background import add_absence_background
from seglet.losses.affinity import affinity_loss, pair_labels
from seglet.losses.task import balanced_cross_entropy, cross_entropy
from seglet.methods import base, protocols
from seglet.methods.diclip.attention import ATTENTION, REGIONS, AttentionColumn, RegionsColumn
from seglet.methods.diclip.config import Config
from seglet.methods.diclip.explain import attentions, rungs
from seglet.methods.diclip.knowledge import Knowledge, View, open_clip, read_words
from seglet.methods.diclip.labels import on_grid, pseudo_labels, refined_maps, spread
from seglet.methods.diclip.online import OnlineKeys
from seglet.methods.diclip.student import (
    build_segmenter,
    tower,
    with_own_backbone,
    without_backbone,
)
from seglet.methods.diclip.tsa import CACHE, CacheArtefact, Look, dynamic_cam, static_cam
from seglet.methods.diclip.vce import VCEConfig, own_attention
from seglet.methods.diclip.weights import weights
from seglet.models.clip_cache.adapter import CacheAdapter
from seglet.models.clip_cache.cache import KeyValueCache, retrieve_values, unit_directions
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.layers.dropout import drawing_from
from seglet.models.layers.patch_features import cosine_affinity, masked_mean
from seglet.models.segmenter import Segmenter
from seglet.tensors import resize_antialiased
from seglet.types import (
    IGNORE,
    Classes,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    with_background,
    without_background,
)

CAA_LAYERS = 6
"""Of CLIP, whose attention maps spread along; ExCEL code."""

ADAPTER = 0xADA
"""Keeps the draw of prompts apart from that of the decoder."""

UNSAID = ("attention_grid", "attention_rank", "attention_loop", "diffusion")
"""Keys of VCE that do not change what is remembered of an image, whose attention is read in full."""


class Method(
    base.Method[Tagged],
    protocols.Artefacts,
    protocols.UnsynchronisedBuffers,
    protocols.TrainingNotes,
    protocols.LabelMaps,
    protocols.Explanations,
):
    """A decoder on frozen CLIP that learns from maps which CLIP, diffusion and a memory of images make of tags."""

    columns = (ATTENTION, REGIONS)
    supervision = Tagged

    taught: Tensor

    def __init__(self, config: Config, student: Segmenter, knowledge: Knowledge, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.knowledge = knowledge
        self.seed = seed
        self.cache: KeyValueCache | None = None
        self.adapter: CacheAdapter | None = None
        self.online: OnlineKeys | None = None
        self.register_buffer("taught", torch.zeros((), dtype=torch.bool))
        self.register_state_dict_post_hook(without_backbone)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(with_own_backbone)  # type: ignore[no-untyped-call]

    @classmethod
    def build(cls, config: Config, classes: Classes, seed: int) -> "Method":
        """
        Raises:
            ValueError: the first class is not the background; CLIP is not to be had, or knows no word of a class.
        """
        check_background_first(classes)
        clip = open_clip(config)
        student = build_segmenter(config, classes, clip, seed)
        return cls(config, student, Knowledge(config, read_words(clip.text, classes, config.prompts)), seed)

    @classmethod
    def producers(cls, config: Config, classes: Classes) -> Sequence[ColumnProducer]:
        if config.attention == "diffusion" and not config.attention_loop:
            return [AttentionColumn(config)]
        return [RegionsColumn()] if config.attention == "oracle" else []

    @classmethod
    def artefacts(cls, config: Config, classes: Classes) -> Sequence[Artefact]:
        """
        Raises:
            ValueError: the first class is not the background; or the memory is to be of masks, which it never sees.
        """
        check_background_first(classes)
        if config.cache_from == "none":
            return []
        if config.attention == "oracle":
            raise ValueError("oracle attention is of masks, and images to remember have none; set cache_from to none")
        said = {f.name: getattr(config, f.name) for f in fields(VCEConfig) if f.name not in UNSAID}
        said |= {name: getattr(config, name) for name in ("prompts", "background_power", "par_steps")}
        whose = [weights(config.clip_model, "clip")]
        if config.attention == "diffusion":
            whose += [weights(source, "diffusion") for source in config.diffusion]

        def opens(device: torch.device) -> tuple[Look, Tensor]:
            method = cls.build(config, classes, 0).to(device).eval()
            return method.look, method.knowledge.words

        return [CacheArtefact(config, classes, said, ", ".join(whose), opens)]

    def load_artefacts(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Takes the memory, and makes the adapter that begins as it (Eq. 12)."""
        if CACHE not in tensors:
            return
        config = self.config
        self.cache = KeyValueCache(**tensors[CACHE])
        if config.adapter:
            generator = torch.Generator().manual_seed(self.seed ^ ADAPTER)
            self.adapter = CacheAdapter(
                self.cache, generator, config.adapter_prompts, config.adapter_random, config.sharpness
            )
        if config.online_keys:
            classes = len(self.student.classes) - 1
            self.online = OnlineKeys(classes, config.online_keys, self.cache.keys.shape[1])

    def train(self, mode: bool = True) -> "Method":
        """CLIP stays in evaluation mode."""
        super().train(mode)
        self.student.network.backbone.eval()
        return self

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """L = L_seg + λ L_CAM; `confident` is the share of pixels that are labelled. Sec. III-E."""
        tags, seen = without_background(step.tags), self.knowledge.of_step(self.tower, step)
        static = static_cam(self.config, seen.cam, self._looked_up(seen))
        with drawing_from(self.student, progress.generator(step.images.device)):
            prediction = self.student.network(step.images)
        cam, terms = static, {}
        if self.adapter is not None:
            learned = self.adapter(seen.patches)
            target = self._target(static, seen, tags, step)
            terms["cam"] = cross_entropy(on_grid(learned.mT, seen.grid), target)  # Eq. 14
            cam = dynamic_cam(self.config, seen.cam, learned.detach(), tags)  # Eq. 13
        target = self._target(cam, seen, tags, step)
        terms["seg"] = balanced_cross_entropy(prediction.logits, target)
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
            self._remember(cam, seen, tags, step, progress)
        return Losses(total, terms)

    @property
    def tower(self) -> ImageTower:
        return tower(self.student)

    @torch.no_grad()
    def _looked_up(self, seen: View) -> Float[Tensor, "b p c"] | None:
        """What the memory says of each patch; with what was learned since, if anything was."""
        if self.cache is None:
            return None
        if self.online is None:
            return torch.as_tensor(self.cache(seen.patches, self.config.sharpness))
        keys, values = self.online.filled()
        queries = unit_directions(seen.patches, self.cache.centre)
        both = torch.cat([self.cache.keys, keys]), torch.cat([self.cache.values, values])
        return retrieve_values(queries, *both, self.config.sharpness)

    @torch.no_grad()
    def _target(self, cam: Float[Tensor, "b n p"], seen: View, tags: Float[Tensor, "b n"], step: Tagged) -> Target:
        """Pseudo labels of maps; void beyond the image."""
        labels = pseudo_labels(self.config, self._spread(cam, seen, step.images), tags, step.images)
        inside = covered_tokens(step.crop, (labels.shape[1], labels.shape[2]))
        return Target(labels.masked_fill(~inside, IGNORE), torch.ones_like(labels, dtype=torch.float32))

    def _spread(self, cam: Float[Tensor, "b n p"], seen: View, images: Tensor) -> Float[Tensor, "b n h w"]:
        """On the grid; along CLIP's own attention, where that is asked for."""
        maps = on_grid(cam, seen.grid)
        if not self.config.caa:
            return maps
        return spread(maps, own_attention(self.tower, images, CAA_LAYERS), self.config.caa)

    @torch.no_grad()
    def _remember(
        self, cam: Float[Tensor, "b n p"], seen: View, tags: Float[Tensor, "b n"], step: Tagged, progress: Progress
    ) -> None:
        """Keys from the regions of which the maps are sure."""
        if self.online is None or self.cache is None:
            return
        maps = refined_maps(self.config, on_grid(cam, seen.grid), tags, step.images)
        shares = maps / maps.sum(dim=1, keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
        patches = on_grid(seen.patches.mT, seen.grid)
        for image, label in with_background(tags, 0.0).nonzero().tolist():
            sure = shares[image, label] >= self.config.online_confidence
            if sure.any():
                feature, _ = masked_mean(patches[image : image + 1], sure[None].float())
                self.online.learn(feature[0], self.cache.centre, label, (progress.step, step.ids[image]))

    @torch.no_grad()
    def look(self, images: Float[Tensor, "b 3 y x"], tags: Float[Tensor, "b n"]) -> tuple[Tensor, Tensor]:
        """Patches, and masks of what is tagged by words alone: what a memory is made of. Sec. III-D (D.1)."""
        seen = self.knowledge.of_images(self.tower, images)
        labels = refined_maps(self.config, on_grid(seen.cam, seen.grid), tags, images).argmax(dim=1)
        return on_grid(seen.patches.mT, seen.grid), (labels > 0).float()

    @torch.no_grad()
    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b n"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """What pseudo labels come from, at the size of the images and before PAR; the mean over `cam_scales`."""
        views = [self._maps_at(images, tags, regions, scale) for scale in self.config.cam_scales]
        return torch.stack(views).mean(dim=0)

    def _maps_at(
        self, images: Tensor, tags: Float[Tensor, "b n"], regions: Tensor | None, scale: float
    ) -> Float[Tensor, "b k y x"]:
        height, width = images.shape[2], images.shape[3]
        view = resize_antialiased(images, (max(1, round(scale * height)), max(1, round(scale * width))))
        seen = self.knowledge.of_images(self.tower, view, regions)
        cam = static_cam(self.config, seen.cam, self._looked_up(seen))
        if self.adapter is not None and bool(self.taught):
            cam = dynamic_cam(self.config, seen.cam, self.adapter(seen.patches), tags)
        return add_absence_background(
            self._spread(cam, seen, view), tags, (height, width), self.config.background_power
        )

    @torch.no_grad()
    def explain(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b n"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> protocols.Explanation:
        """The rungs of Table IV, and attention before and after ACR and fusion; of the images at their size alone."""
        lent = self.knowledge.attention(self.tower, images, regions)
        plain, seen = (self.knowledge.view(self.tower, images, attention) for attention in (None, lent))
        learned = None
        if self.adapter is not None and bool(self.taught):
            learned = (self.adapter(seen.patches), tags)
        maps = rungs(self.config, plain.cam, seen.cam, self._looked_up(seen), learned)
        on_image = {name: self._spread(cam, seen, images) for name, cam in maps.items()}
        return protocols.Explanation(on_image, attentions(self.config, self.tower, images, lent))

    def after_step(self, progress: Progress) -> None:
        self.taught.fill_(True)

    def unsynchronised_buffers(self) -> list[str]:
        """Everything but what is learned online: nothing else that is no weight ever changes."""
        return [name for name, _ in self.named_buffers() if not name.startswith("online.")]

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """How CLIP reads the classes, what the memory lacks, and what the networks are."""
        names = self.student.classes.names
        lacking = [] if self.cache is None else [names[label] for label in self.cache.classes_without_keys()]
        told = [f"the memory knows no image of {', '.join(lacking)}: their maps come from words alone"]
        return [*self.knowledge.remarks, *(told if lacking else [])]
