"""Data sets: from folders and formats to samples, views and batches; each name is imported when it is first used."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.artefact import Artefact
    from seglet.data.checking.check import check_dataset
    from seglet.data.class_files.read import read_class_table
    from seglet.data.class_table import ClassEntry, ClassTable, classes_of
    from seglet.data.columns.columned_dataset import ColumnedDataset
    from seglet.data.dark.darkened_dataset import DarkenedDataset
    from seglet.data.dataset import Dataset, Sample
    from seglet.data.description import Description, ImageItem, load_description
    from seglet.data.errors import Problem
    from seglet.data.folder_dataset import FolderDataset, describe_data
    from seglet.data.loading.dark_light_pairs import DarkLightDataset
    from seglet.data.loading.semi_dataset import SemiDataset
    from seglet.data.loading.wrapped_datasets import CachedDataset, JoinedDataset
    from seglet.data.opening import open_dataset
    from seglet.data.overlay import contact_sheet
    from seglet.data.world.dataset import World
    from seglet.files import DataError

__all__ = [
    "Artefact",
    "CachedDataset",
    "ClassEntry",
    "ClassTable",
    "ColumnedDataset",
    "DarkLightDataset",
    "DarkenedDataset",
    "DataError",
    "Dataset",
    "Description",
    "FolderDataset",
    "ImageItem",
    "JoinedDataset",
    "Problem",
    "Sample",
    "SemiDataset",
    "World",
    "check_dataset",
    "classes_of",
    "contact_sheet",
    "describe_data",
    "load_description",
    "open_dataset",
    "read_class_table",
]

_HOMES = {
    "Artefact": "seglet.data.artefact",
    "CachedDataset": "seglet.data.loading.wrapped_datasets",
    "ClassEntry": "seglet.data.class_table",
    "ClassTable": "seglet.data.class_table",
    "ColumnedDataset": "seglet.data.columns.columned_dataset",
    "DarkLightDataset": "seglet.data.loading.dark_light_pairs",
    "DarkenedDataset": "seglet.data.dark.darkened_dataset",
    "DataError": "seglet.files",
    "Dataset": "seglet.data.dataset",
    "Description": "seglet.data.description",
    "FolderDataset": "seglet.data.folder_dataset",
    "ImageItem": "seglet.data.description",
    "JoinedDataset": "seglet.data.loading.wrapped_datasets",
    "Problem": "seglet.data.errors",
    "Sample": "seglet.data.dataset",
    "SemiDataset": "seglet.data.loading.semi_dataset",
    "World": "seglet.data.world.dataset",
    "check_dataset": "seglet.data.checking.check",
    "classes_of": "seglet.data.class_table",
    "contact_sheet": "seglet.data.overlay",
    "describe_data": "seglet.data.folder_dataset",
    "load_description": "seglet.data.description",
    "open_dataset": "seglet.data.opening",
    "read_class_table": "seglet.data.class_files.read",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
