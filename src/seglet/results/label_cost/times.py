"""How long people annotate: published figures, and sums of one's own."""

from dataclasses import dataclass

TAG = 1.0
"""Seconds to say whether one class is in one image: Bearman et al., ECCV 2016, Sec. 4 (20 s for VOC's 20 classes)."""

MASKS = {
    "voc": (239.7, "Bearman et al., ECCV 2016, Sec. 4: 239.7 s an image of VOC"),
    "cityscapes": (5400.0, "Cordts et al., CVPR 2016: more than 1.5 hours an image of Cityscapes"),
}
"""Seconds to draw every outline of one image, and who measured it."""


@dataclass(frozen=True)
class Times:
    """Seconds a person needs for one image: to say of each class whether it is there, and to draw the mask."""

    tags: float
    mask: float
    source: str

    @classmethod
    def of(cls, preset: str, classes: int, tag: float | None, mask: float | None) -> "Times":
        """The published times of `preset` for `classes` (without background), unless other seconds are given.

        `tag` counts for one class of one image, `mask` for one image.

        Raises:
            ValueError: a time is not positive.
        """
        if not all(seconds is None or seconds > 0 for seconds in (tag, mask)):
            raise ValueError(f"annotation takes time: expected seconds above 0, got {tag} a tag and {mask} a mask")
        published, source = MASKS[preset]
        tag_source = "a tag: Bearman et al." if tag is None else f"a tag: {tag:g} s, as given"
        mask_source = f"a mask: {source}" if mask is None else f"a mask: {mask:g} s, as given"
        return cls((tag or TAG) * classes, mask or published, f"{tag_source}; {mask_source}")


def spoken(minutes: float) -> str:
    """A duration as people say it: minutes up to two hours, then hours."""
    if minutes <= 120:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
