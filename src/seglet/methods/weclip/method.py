"""WeCLIP: a decoder on frozen CLIP learns from CLIP's class maps and then rectifies them. Sections are the paper's.

Zhang et al., CVPR 2024. Axes: b images, k classes with the background first, f foreground classes, n = h·w patches, y
rows and x columns of pixels.
"""

from functools import partial

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from seglet.data.columns.token_grid import covered_tokens
from seglet.labels.cam.affinity import agreeing_attention
from seglet.labels.cam.background import add_absence_background, refine_with_absence
from seglet.labels.refine.pixel_adaptive import par
from seglet.losses.affinity import affinity_loss, pair_labels
from seglet.methods import base, protocols
from seglet.methods.clip_cams import ClipCams, GradientMaps
from seglet.methods.clip_student import build_clip_segmenter, drop_backbone, image_tower, keep_backbone
from seglet.methods.task_loss import TaskLoss
from seglet.methods.weclip.config import Config
from seglet.models.foundation.clip import ImageTextEncoder
from seglet.models.foundation.image_tower import ImageTower
from seglet.models.inference_defaults import InferenceDefaults
from seglet.models.layers.dropout import noise_from
from seglet.models.layers.patch_features import product_affinity
from seglet.models.segmenter import Segmenter
from seglet.types import (
    IGNORE,
    Classes,
    Losses,
    Progress,
    Tagged,
    Target,
    check_background_first,
    without_background,
)


class Method(base.Method[Tagged], protocols.LabelMaps, protocols.TrainingNotes):
    """A decoder on frozen CLIP, trained on class maps that CLIP makes of tags and that its own features rectify."""

    supervision = Tagged

    rectifies: Tensor  # whether the decoder has been trained so far that it rectifies maps

    def __init__(self, config: Config, student: Segmenter, cams: ClipCams) -> None:
        super().__init__()
        self.config = config
        self.student = student
        self.task = TaskLoss(config, student.classes)
        self.cams = cams
        self.register_buffer("rectifies", torch.zeros((), dtype=torch.bool))
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
        student = build_clip_segmenter(clip, classes, seed, width=config.width, dropout=config.dropout)
        return cls(config, student, ClipCams.build(config, clip, classes))

    def train(self, mode: bool = True) -> "Method":
        """Sets the mode of everything but CLIP, which stays in evaluation mode."""
        super().train(mode)
        self.student.network.backbone.eval()
        return self

    @property
    def tower(self) -> ImageTower:
        """CLIP's image tower, the backbone of the student."""
        return image_tower(self.student)

    def losses(self, step: Tagged, progress: Progress) -> Losses:
        """Computes L = L_ce + λ L_aff (Sec. 3.4); the term `confident` is the fraction of labelled pixels."""
        config, tags = self.config, without_background(step.tags)
        maps = self.cams.gradient_maps(self.tower, step.images, tags)
        with noise_from(self.student, progress.generator(step.images.device)):
            logits, feature = self.student.network.head(maps.layers)
        affinity = product_affinity(feature)
        rectified = progress.fraction >= config.refine_start
        labels = self.labels(maps, affinity.detach() if rectified else None, tags, step)
        terms = self.task.parts("seg", logits, Target(labels, torch.ones_like(labels, dtype=torch.float32)))
        pairs = pair_labels(labels, (feature.shape[2], feature.shape[3]), config.affinity_radius)
        terms["affinity"] = affinity_loss(affinity, pairs)
        terms["confident"] = (labels != IGNORE).float().mean()
        return Losses(terms["seg"] + config.affinity_weight * terms["affinity"], terms)

    @torch.no_grad()
    def labels(
        self, maps: GradientMaps, affinity: Float[Tensor, "b n n"] | None, tags: Float[Tensor, "b f"], step: Tagged
    ) -> Int64[Tensor, "b y x"]:
        """Returns labels of the maps after PAR, IGNORE outside the image."""
        refine = partial(par, steps=self.config.par_steps)
        cams = self.rectified_maps(maps, affinity)
        refined = refine_with_absence(cams, tags, step.images, self.config.background_power, refine)
        inside = covered_tokens(step.crop, (refined.shape[2], refined.shape[3]))
        return refined.argmax(dim=1).masked_fill(~inside, IGNORE)

    def rectified_maps(self, maps: GradientMaps, affinity: Float[Tensor, "b n n"] | None) -> Float[Tensor, "b f h w"]:
        """Returns maps spread along CLIP's attention, by default as in CLIP-ES.

        With the decoder's affinity, along that of the layers that agree with it, times the affinity (RFM, Sec. 3.3).
        """
        if affinity is None:
            return self.cams.spread(maps)
        layers = maps.attention[:, -self.config.refine_layers :]
        return self.cams.spread(maps, agreeing_attention(layers, affinity))

    @torch.no_grad()
    def label_maps(
        self,
        images: Float[Tensor, "b 3 y x"],
        tags: Float[Tensor, "b f"],
        regions: Integer[Tensor, "b _ _"] | None = None,
    ) -> Float[Tensor, "b k y x"]:
        """Returns class maps at the size of the images, before PAR; of a trained method, rectified by its decoder."""
        maps = self.cams.gradient_maps(self.tower, images, tags)
        affinity = product_affinity(self.student.network.head(maps.layers)[1]) if bool(self.rectifies) else None
        cams, size = self.rectified_maps(maps, affinity), (images.shape[2], images.shape[3])
        return add_absence_background(cams, tags, size, self.config.background_power)

    def after_step(self, progress: Progress) -> None:
        if progress.fraction >= self.config.refine_start:
            self.rectifies.fill_(True)

    def inference_defaults(self) -> InferenceDefaults:
        return InferenceDefaults(scales=self.config.test_scales, flip=self.config.test_mirror)

    def training_notes(self, size: tuple[int, int], batch: int) -> list[str]:
        """Returns notes on how CLIP reads the class names."""
        return list(self.cams.notes)
