"""Trained models outside PyTorch: export to ONNX, and comparison of the graph with its network.

The names here are loaded when they are used.
"""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.deploy.export import ExportOptions, export_segmenter
    from seglet.deploy.parity import Parity, compare_networks

__all__ = ["ExportOptions", "Parity", "compare_networks", "export_segmenter"]

_HOMES = {
    "ExportOptions": "seglet.deploy.export",
    "Parity": "seglet.deploy.parity",
    "compare_networks": "seglet.deploy.parity",
    "export_segmenter": "seglet.deploy.export",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
