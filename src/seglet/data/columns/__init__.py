"""Offline columns: values computed once per image, stored under the hash of how they were made, cropped with views."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.columns.caption_files import CaptionFile, read_captions
    from seglet.data.columns.columned_dataset import ColumnedDataset
    from seglet.data.columns.depth import DepthFiles, depth_plane
    from seglet.data.columns.kinds import ColumnKind, ColumnValue
    from seglet.data.columns.producer import ColumnProducer, ComputeColumn
    from seglet.data.columns.recipe import ColumnRecipe, column_recipes
    from seglet.data.columns.store import ColumnStore, stored_columns
    from seglet.data.columns.token_grid import covered_tokens, crop_token_grid

__all__ = [
    "CaptionFile",
    "ColumnKind",
    "ColumnProducer",
    "ColumnRecipe",
    "ColumnStore",
    "ColumnValue",
    "ColumnedDataset",
    "ComputeColumn",
    "DepthFiles",
    "column_recipes",
    "covered_tokens",
    "crop_token_grid",
    "depth_plane",
    "read_captions",
    "stored_columns",
]

_HOMES = {
    "CaptionFile": "seglet.data.columns.caption_files",
    "ColumnKind": "seglet.data.columns.kinds",
    "ColumnProducer": "seglet.data.columns.producer",
    "ColumnRecipe": "seglet.data.columns.recipe",
    "ColumnStore": "seglet.data.columns.store",
    "ColumnValue": "seglet.data.columns.kinds",
    "ColumnedDataset": "seglet.data.columns.columned_dataset",
    "ComputeColumn": "seglet.data.columns.producer",
    "DepthFiles": "seglet.data.columns.depth",
    "column_recipes": "seglet.data.columns.recipe",
    "covered_tokens": "seglet.data.columns.token_grid",
    "crop_token_grid": "seglet.data.columns.token_grid",
    "depth_plane": "seglet.data.columns.depth",
    "read_captions": "seglet.data.columns.caption_files",
    "stored_columns": "seglet.data.columns.store",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
