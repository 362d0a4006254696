"""Layouts of image folders that are recognised; one module for each layout."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.layouts.acdc import find_acdc
    from seglet.data.layouts.ade20k import find_ade20k
    from seglet.data.layouts.bdd100k import find_bdd100k
    from seglet.data.layouts.camvid import find_camvid
    from seglet.data.layouts.cityscapes import find_cityscapes
    from seglet.data.layouts.coco import find_coco
    from seglet.data.layouts.folders import find_folders
    from seglet.data.layouts.found import FoundLayout
    from seglet.data.layouts.infer import infer_layout
    from seglet.data.layouts.instances import read_instances
    from seglet.data.layouts.pairing import pair_folders
    from seglet.data.layouts.rasterise import rasterise_segmentation
    from seglet.data.layouts.voc import find_voc

__all__ = [
    "FoundLayout",
    "find_acdc",
    "find_ade20k",
    "find_bdd100k",
    "find_camvid",
    "find_cityscapes",
    "find_coco",
    "find_folders",
    "find_voc",
    "infer_layout",
    "pair_folders",
    "rasterise_segmentation",
    "read_instances",
]

_HOMES = {
    "FoundLayout": "seglet.data.layouts.found",
    "find_acdc": "seglet.data.layouts.acdc",
    "find_ade20k": "seglet.data.layouts.ade20k",
    "find_bdd100k": "seglet.data.layouts.bdd100k",
    "find_camvid": "seglet.data.layouts.camvid",
    "find_cityscapes": "seglet.data.layouts.cityscapes",
    "find_coco": "seglet.data.layouts.coco",
    "find_folders": "seglet.data.layouts.folders",
    "find_voc": "seglet.data.layouts.voc",
    "infer_layout": "seglet.data.layouts.infer",
    "pair_folders": "seglet.data.layouts.pairing",
    "rasterise_segmentation": "seglet.data.layouts.rasterise",
    "read_instances": "seglet.data.layouts.instances",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
