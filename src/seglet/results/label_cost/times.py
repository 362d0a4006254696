"""Annotation times: published figures, or those of the user."""

from dataclasses import dataclass

TAG_SECONDS = 1.0
"""Seconds to say whether one class is in one image: Bearman et al., ECCV 2016, Sec. 4 (20 s for VOC's 20 classes)."""

MASK_SECONDS = {
    "voc": (239.7, "Bearman et al., ECCV 2016, Sec. 4: 239.7 s an image of VOC"),
    "cityscapes": (5400.0, "Cordts et al., CVPR 2016: more than 1.5 hours an image of Cityscapes"),
}
"""Seconds to draw the mask of one image, and their source."""


@dataclass(frozen=True)
class AnnotationTimes:
    """Seconds to annotate one image: with the tags of all classes, and with a mask; and the source of these times."""

    tags: float
    mask: float
    source: str

    @classmethod
    def of(cls, preset: str, classes: int, tag: float | None = None, mask: float | None = None) -> "AnnotationTimes":
        """Returns the published times of a preset, or the given ones.

        Args:
            preset: a key of `MASK_SECONDS`.
            classes: number of classes, without the background.
            tag: seconds for one class of one image.
            mask: seconds for one image.

        Raises:
            ValueError: a time is not positive.
        """
        if not all(seconds is None or seconds > 0 for seconds in (tag, mask)):
            raise ValueError(f"annotation takes time: expected seconds above 0, got {tag} a tag and {mask} a mask")
        published, source = MASK_SECONDS[preset]
        tag_source = "a tag: Bearman et al." if tag is None else f"a tag: {tag:g} s, as given"
        mask_source = f"a mask: {source}" if mask is None else f"a mask: {mask:g} s, as given"
        return cls((tag or TAG_SECONDS) * classes, mask or published, f"{tag_source}; {mask_source}")


def duration_text(minutes: float) -> str:
    """Returns a duration in words: in minutes up to two hours, then in hours."""
    if minutes <= 120:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
