"""Annotation times: published figures, or those of the user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from seglet.data.simulated_labels import SparseKind

TAG_SECONDS = 1.0
"""Seconds to say whether one class is in one image: Bearman et al., ECCV 2016, Sec. 4 (20 s for VOC's 20 classes)."""

MASK_SECONDS = {
    "voc": (239.7, "Bearman et al., ECCV 2016, Sec. 4: 239.7 s an image of VOC"),
    "cityscapes": (5400.0, "Cordts et al., CVPR 2016: more than 1.5 hours an image of Cityscapes"),
}
"""Seconds to draw the mask of one image, and their source."""

FIRST_POINT_SECONDS, NEXT_POINT_SECONDS = 2.4, 0.9
"""Seconds to click on the first object of a class, and on each further one: Bearman et al., Sec. 4. With 1.5 classes
and 2.8 objects an image of VOC: 18.5 * 1 + 1.5 * 2.4 + 1.3 * 0.9 = 23.3 s, as they state."""
SCRIBBLE_SECONDS = 10.9
"""Seconds to draw a scribble: Bearman et al., Sec. 4, on squiggles: 18.5 * 1 + 1.5 * 10.9 = 34.9 s an image."""
BOX_SECONDS = 7.0
"""Seconds to mark a box by its four extreme points: Papadopoulos et al., ICCV 2017; 35 s the traditional way."""
SPARSE_SOURCES: Mapping[SparseKind, str] = {
    "points": "a point: Bearman et al.",
    "scribbles": "a scribble: Bearman et al.",
    "boxes": "a box: Papadopoulos et al., ICCV 2017, by extreme points",
}
"""Sources of the times of sparse labels."""


@dataclass(frozen=True)
class AnnotationTimes:
    """Seconds to annotate one image: with the tags of all classes, and with a mask; and the source of these times."""

    tags: float
    mask: float
    source: str
    marks: Mapping[SparseKind, float] = field(default_factory=dict)
    """Seconds for a point, scribble or box of one region, where they are not the published ones."""

    def with_sources(self, kinds: Sequence[SparseKind]) -> "AnnotationTimes":
        """Returns these times with the sources of those of sparse labels."""
        given = {kind: f"one of {kind}: {seconds:g} s, as given" for kind, seconds in self.marks.items()}
        return replace(self, source="; ".join([self.source, *({**SPARSE_SOURCES, **given}[kind] for kind in kinds)]))

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


def sparse_seconds(
    kind: SparseKind, tags: float, classes: int, present: float, regions: float, mark: float | None = None
) -> float:
    """Returns the seconds to mark the regions of one image, and to say of all classes whether they are there.

    Args:
        kind: what each region gets.
        tags: seconds for the tags of all classes.
        classes: number of classes, without the background.
        present: mean number of them in an image.
        regions: mean number of marked regions in an image; of points and scribbles those of the background too.
        mark: seconds for each region, in place of the published time.

    Points and scribbles of a class that is there say so by themselves; boxes are drawn for classes that are known.
    """
    if kind == "boxes":
        return tags + regions * (BOX_SECONDS if mark is None else mark)
    absent = tags * (classes - present) / classes
    if mark is not None:
        return absent + regions * mark
    if kind == "scribbles":
        return absent + regions * SCRIBBLE_SECONDS
    return absent + present * FIRST_POINT_SECONDS + max(regions - present, 0.0) * NEXT_POINT_SECONDS


def duration_text(minutes: float) -> str:
    """Returns a duration in words: in minutes up to two hours, then in hours."""
    if minutes <= 120:
        return f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"
