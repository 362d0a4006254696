"""Image-level tags: read from files, matched to images, resolved to classes and validated; one module per format."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.tags.assign import AssignedTags, assign_tags, tags_from_masks
    from seglet.data.tags.resolve import ResolvedTags, resolve_tags
    from seglet.data.tags.source import TagSource, find_tags, read_tags
    from seglet.data.tags.taglist import TagList

__all__ = [
    "AssignedTags",
    "ResolvedTags",
    "TagList",
    "TagSource",
    "assign_tags",
    "find_tags",
    "read_tags",
    "resolve_tags",
    "tags_from_masks",
]

_HOMES = {
    "AssignedTags": "seglet.data.tags.assign",
    "ResolvedTags": "seglet.data.tags.resolve",
    "TagList": "seglet.data.tags.taglist",
    "TagSource": "seglet.data.tags.source",
    "assign_tags": "seglet.data.tags.assign",
    "find_tags": "seglet.data.tags.source",
    "read_tags": "seglet.data.tags.source",
    "resolve_tags": "seglet.data.tags.resolve",
    "tags_from_masks": "seglet.data.tags.assign",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
