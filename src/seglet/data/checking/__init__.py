"""Checking of data sets: all problems are reported at once."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.checking.check import CheckReport, check_dataset
    from seglet.data.checking.rules import MaskRules
    from seglet.data.checking.scan import scan_files
    from seglet.data.checking.statistics import SplitStatistics
    from seglet.data.checking.validate import find_leaks

__all__ = [
    "CheckReport",
    "MaskRules",
    "SplitStatistics",
    "check_dataset",
    "find_leaks",
    "scan_files",
]

_HOMES = {
    "CheckReport": "seglet.data.checking.check",
    "MaskRules": "seglet.data.checking.rules",
    "SplitStatistics": "seglet.data.checking.statistics",
    "check_dataset": "seglet.data.checking.check",
    "find_leaks": "seglet.data.checking.validate",
    "scan_files": "seglet.data.checking.scan",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
