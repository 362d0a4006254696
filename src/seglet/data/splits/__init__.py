"""Splits of a data set: official lists, named portions, and random or stratified draws."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.splits.divide import divide_split
    from seglet.data.splits.fractions import (
        LabelledPortion,
        is_labelled_part,
        parse_portion,
        parse_split_name,
        unlabelled_counterpart,
    )
    from seglet.data.splits.official import official_split_ids, official_split_names
    from seglet.data.splits.stratify import draw_stratified, split_labelled

__all__ = [
    "LabelledPortion",
    "divide_split",
    "draw_stratified",
    "is_labelled_part",
    "official_split_ids",
    "official_split_names",
    "parse_portion",
    "parse_split_name",
    "split_labelled",
    "unlabelled_counterpart",
]

_HOMES = {
    "LabelledPortion": "seglet.data.splits.fractions",
    "divide_split": "seglet.data.splits.divide",
    "draw_stratified": "seglet.data.splits.stratify",
    "is_labelled_part": "seglet.data.splits.fractions",
    "official_split_ids": "seglet.data.splits.official",
    "official_split_names": "seglet.data.splits.official",
    "parse_portion": "seglet.data.splits.fractions",
    "parse_split_name": "seglet.data.splits.fractions",
    "split_labelled": "seglet.data.splits.stratify",
    "unlabelled_counterpart": "seglet.data.splits.fractions",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
