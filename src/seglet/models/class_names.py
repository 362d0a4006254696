"""Rules by which two tables of classes name the same class, from the surest to the least sure."""

from collections.abc import Callable

from seglet.values import fold_spelling

_SYNONYMS = (
    ("person", "pedestrian", "people", "human"),
    ("bicyclist", "cyclist", "rider"),
    ("bicycle", "bike"),
    ("motorbike", "motorcycle"),
    ("aeroplane", "airplane", "plane"),
    ("car", "automobile"),
    ("sofa", "couch"),
    ("tvmonitor", "tv", "television", "television receiver"),
    ("pavement", "sidewalk"),
    ("vegetation", "tree", "trees"),
    ("sign symbol", "traffic sign", "road sign"),
    ("column pole", "pole"),
)
"""Names that well-known class tables (VOC, COCO, Cityscapes, CamVid, ADE20K) have for the same thing."""

_GROUPS = {fold_spelling(name): place for place, group in enumerate(_SYNONYMS) for name in group}


def same_name(name: str, other: str) -> bool:
    """Returns True if the names are equal."""
    return name == other


def same_spelling(name: str, other: str) -> bool:
    """Returns True if the names are equal but for case, blanks, underscores and hyphens.

    The other name may list alternatives with commas, as ADE20K's do.
    """
    return fold_spelling(name) in {fold_spelling(part) for part in (other, *other.split(","))}


def same_meaning(name: str, other: str) -> bool:
    """Returns True if the names, or an alternative that the other lists, are well-known synonyms."""
    group = _GROUPS.get(fold_spelling(name))
    return group is not None and group in {_GROUPS.get(fold_spelling(part)) for part in other.split(",")}


NAME_RULES: tuple[Callable[[str, str], bool], ...] = (same_name, same_spelling, same_meaning)
"""The rules in the order in which they are tried."""
