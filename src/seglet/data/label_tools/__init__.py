"""Files of labelling tools: masks written to them and read from them; one module for each tool."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.label_tools.exchange import AnnotationEntry, ToolAnnotations
    from seglet.data.label_tools.formats import LABEL_TOOLS, LabelTool, read_annotations, write_annotations
    from seglet.data.label_tools.outline import mask_outlines
    from seglet.data.label_tools.regions import (
        AnnotatedImage,
        NamedRegion,
        RegionForm,
        labels_from_regions,
        regions_from_labels,
    )
    from seglet.images.pieces import connected_pieces

__all__ = [
    "LABEL_TOOLS",
    "AnnotatedImage",
    "AnnotationEntry",
    "LabelTool",
    "NamedRegion",
    "RegionForm",
    "ToolAnnotations",
    "connected_pieces",
    "labels_from_regions",
    "mask_outlines",
    "read_annotations",
    "regions_from_labels",
    "write_annotations",
]

_HOMES = {
    "AnnotatedImage": "seglet.data.label_tools.regions",
    "AnnotationEntry": "seglet.data.label_tools.exchange",
    "LABEL_TOOLS": "seglet.data.label_tools.formats",
    "LabelTool": "seglet.data.label_tools.formats",
    "NamedRegion": "seglet.data.label_tools.regions",
    "RegionForm": "seglet.data.label_tools.regions",
    "ToolAnnotations": "seglet.data.label_tools.exchange",
    "connected_pieces": "seglet.images.pieces",
    "labels_from_regions": "seglet.data.label_tools.regions",
    "mask_outlines": "seglet.data.label_tools.outline",
    "read_annotations": "seglet.data.label_tools.formats",
    "regions_from_labels": "seglet.data.label_tools.regions",
    "write_annotations": "seglet.data.label_tools.formats",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
