"""Terms of a loss against labels, as an experiment's key `task` lists them.

Axes: b images, k classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jaxtyping import Float
from torch import Tensor

from seglet import losses
from seglet.losses.task import balanced_cross_entropy, cross_entropy, hard_pixel_cross_entropy, mask_loss
from seglet.types import IGNORE, Target, option

Images = Float[Tensor, "b planes h w"] | None
ClassWeights = Float[Tensor, " k"] | None
_LARGEST_RADIUS = 256
_LARGEST_WINDOW = 32
_WITH_IMAGES = "supervised, fixmatch and viladiff"
"""Methods that pass their images on."""


@dataclass(frozen=True)
class TaskTerm(ABC):
    """A term and the options that every term has."""

    weight: float = option(1.0, "weight of the term in the loss")

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"weight: expected above 0, got {self.weight}; leave the term out instead")

    @property
    def takes_class_weights(self) -> bool:
        """True if class weights change the term; those that treat classes alike already do without."""
        return False

    @property
    def compares_colours(self) -> bool:
        """True if the term reads the images, whose values must be colours."""
        return False

    def loss_on(
        self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights, images: Images
    ) -> Float[Tensor, ""]:
        """Computes the term without its weight for a method that passes its images on; most terms need none."""
        return self.loss(logits, target, weights)

    @abstractmethod
    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        """Computes the term without its weight; 0, with a gradient of 0, where no pixel is annotated."""


@dataclass(frozen=True)
class CrossEntropy(TaskTerm):
    """The cross-entropy of every annotated pixel."""

    smoothing: float = option(0.0, "share of a label that is spread over all classes; Szegedy et al.: 0.1")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing: expected 0 up to below 1, got {self.smoothing}")

    @property
    def takes_class_weights(self) -> bool:
        return True

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        if weights is None and self.smoothing == 0:
            return cross_entropy(logits, target)
        return losses.smoothed_cross_entropy(logits, target, self.smoothing, weights)


@dataclass(frozen=True)
class HardPixels(TaskTerm):
    """The cross-entropy of the hard pixels of a batch."""

    share: float = option(0.1, "least share of the annotated pixels that counts; ours")
    least: int = option(0, "least number of pixels that counts, if that is more; UniMatch code, Cityscapes: 200000")
    probability: float = option(0.7, "probability of its class up to which a pixel is hard; UniMatch code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1 or self.least < 0 or max(self.share, self.least) == 0:
            found = f"{self.share} and {self.least}"
            raise ValueError(f"expected share from 0 to 1, least of 0 or more, and one of them above 0, got {found}")
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability: expected above 0 and up to 1, got {self.probability}")

    @property
    def takes_class_weights(self) -> bool:
        return True

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        share = round(self.share * int((target.labels != IGNORE).sum())) if self.share else 0
        return hard_pixel_cross_entropy(logits, target, max(self.least, share), self.probability, weights)


@dataclass(frozen=True)
class Focal(TaskTerm):
    """The cross-entropy with less weight for pixels that are right already."""

    gamma: float = option(2.0, "γ, how fast the weight falls as the probability rises; Lin et al.: 2")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma < 0:
            raise ValueError(f"gamma: expected 0 or more, got {self.gamma}")

    @property
    def takes_class_weights(self) -> bool:
        return True

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.focal_loss(logits, target, self.gamma, weights)


@dataclass(frozen=True)
class Dice(TaskTerm):
    """One less the Dice coefficient of each class."""

    smooth: float = option(1.0, "pixels added to numerator and denominator, so that a few pixels are no jump; ours")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.smooth < 0:
            raise ValueError(f"smooth: expected 0 or more, got {self.smooth}")

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.dice_loss(logits, target, self.smooth)


@dataclass(frozen=True)
class Tversky(TaskTerm):
    """One less the Tversky index of each class: Dice with weights for false positives and negatives."""

    alpha: float = option(0.3, "α, weight of false positives; Salehi et al.: 0.3")
    beta: float = option(0.7, "β, weight of false negatives; above alpha it asks for recall; Salehi et al.: 0.7")
    gamma: float = option(1.0, "exponent; 0.75 as Abraham and Khan's 4/3")
    smooth: float = option(1.0, "pixels added to numerator and denominator; ours")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.alpha, self.beta, self.smooth) < 0 or self.alpha + self.beta == 0:
            found = f"{self.alpha}, {self.beta} and {self.smooth}"
            raise ValueError(f"expected alpha, beta and smooth of 0 or more, alpha or beta above 0, got {found}")
        if self.gamma <= 0:
            raise ValueError(f"gamma: expected above 0, got {self.gamma}")

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.tversky_loss(logits, target, self.alpha, self.beta, self.gamma, self.smooth)


@dataclass(frozen=True)
class LovaszSoftmax(TaskTerm):
    """The Lovász extension of one less the IoU of each class."""

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.lovasz_softmax(logits, target)


@dataclass(frozen=True)
class Boundary(TaskTerm):
    """Probabilities multiplied by their signed distance from the border of each class."""

    radius: int = option(10, "distance in pixels beyond which all are alike; ours")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.radius <= _LARGEST_RADIUS:
            raise ValueError(f"radius: expected 1 to {_LARGEST_RADIUS} pixels, got {self.radius}")

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.boundary_loss(logits, target, self.radius)


@dataclass(frozen=True)
class Balanced(TaskTerm):
    """Half the cross-entropy of the background plus half that of the rest, as AFA and WeCLIP have it."""

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return balanced_cross_entropy(logits, target)


@dataclass(frozen=True)
class PerImage(TaskTerm):
    """The cross-entropy of each image divided by all its pixels, annotated or not, as SSSS has it."""

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return mask_loss(logits, target).mean()


@dataclass(frozen=True)
class BoxProjection(TaskTerm):
    """The projection of objects onto the sides of their boxes, which masks leave void inside."""

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        return losses.box_projection_loss(logits, target)


@dataclass(frozen=True)
class BoxAffinity(TaskTerm):
    """Neighbours of one colour inside of boxes have one class."""

    similarity: float = option(0.3, "τ, least similarity of the colours of a pair, from 0 to 1; BoxInst: 0.3")
    dilation: int = option(2, "distance of the pixels of a pair; BoxInst: 2")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.similarity <= 1 or self.dilation < 1:
            found = f"{self.similarity} and {self.dilation}"
            raise ValueError(f"expected a similarity from 0 to 1 and a dilation of at least 1, got {found}")

    @property
    def compares_colours(self) -> bool:
        return True

    def loss_on(
        self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights, images: Images
    ) -> Float[Tensor, ""]:
        if images is None:
            return self.loss(logits, target, weights)
        return losses.box_affinity_loss(logits, target, images, self.similarity, self.dilation)

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        raise ValueError(f"task: affinity compares colours, which {_WITH_IMAGES} give it; leave it out")


@dataclass(frozen=True)
class GatedCrf(TaskTerm):
    """Near pixels of one colour have one class."""

    radius: int = option(5, "rows and columns to each side whose pixels are compared; Obukhov et al.: 5")
    colour: float = option(0.1, "σ of RGB in [0, 1]; Obukhov et al.: 0.1")
    distance: float = option(6.0, "σ of places, in pixels of the network's output; Obukhov et al.: 6")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.radius <= _LARGEST_WINDOW or min(self.colour, self.distance) <= 0:
            found = f"{self.radius}, {self.colour} and {self.distance}"
            raise ValueError(
                f"expected a radius from 1 to {_LARGEST_WINDOW}, and a colour and distance above 0, got {found}"
            )

    @property
    def compares_colours(self) -> bool:
        return True

    def loss_on(
        self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights, images: Images
    ) -> Float[Tensor, ""]:
        if images is None:
            return self.loss(logits, target, weights)
        return losses.gated_crf_loss(logits, target, images, self.radius, self.colour, self.distance)

    def loss(self, logits: Float[Tensor, "b k _ _"], target: Target, weights: ClassWeights) -> Float[Tensor, ""]:
        raise ValueError(f"task: crf compares colours, which {_WITH_IMAGES} give it; leave it out")


TASK_TERMS: Mapping[str, type[TaskTerm]] = MappingProxyType(
    {
        "ce": CrossEntropy,
        "ohem": HardPixels,
        "focal": Focal,
        "dice": Dice,
        "tversky": Tversky,
        "lovasz": LovaszSoftmax,
        "boundary": Boundary,
        "balanced": Balanced,
        "image": PerImage,
        "box": BoxProjection,
        "affinity": BoxAffinity,
        "crf": GatedCrf,
    }
)
