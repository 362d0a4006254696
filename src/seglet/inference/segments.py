"""Segments of images by SAM or SAM 2, on a GPU if there is one. Axes: s segments, h rows, w columns."""

from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor

from seglet.inference.models import choose_device
from seglet.models.foundation.promptable import PromptableSegmenter
from seglet.models.foundation.segments import GridOptions, grid_segments


@dataclass(frozen=True)
class SegmentSource:
    """A network and the options of its segments."""

    network: PromptableSegmenter
    options: GridOptions = field(default_factory=GridOptions)

    @classmethod
    def load(cls, source: str) -> "SegmentSource":
        """Loads SAM or SAM 2 by short name, hub id or folder.

        Raises:
            ValueError: it is not available, or another network.
        """
        return cls(PromptableSegmenter.load(source).to(choose_device("auto")))

    def segments(self, image: Float[Tensor, "1 3 h w"]) -> Bool[Tensor, "s h w"]:
        """Returns the segments of an image in [0, 1], in the memory of the processor."""
        device = next(self.network.parameters()).device
        return grid_segments(self.network, image.to(device), self.options).cpu()
