"""Networks: backbones, heads, segmenters and teachers."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.architecture import (
        CLIP_NETWORKS,
        LEARNED_FROM_TAGS,
        NETWORK_NAMES,
        Architecture,
        DepthGuidance,
        DepthTransform,
    )
    from seglet.models.assembly import assemble_network, pyramid_rates
    from seglet.models.class_maps import CAM_BACKGROUND, default_views, segmenter_class_maps
    from seglet.models.class_scores import pooled_scores, size_penalty
    from seglet.models.freezing import batch_norms, fix_batch_norm_statistics, freeze_pretrained
    from seglet.models.image_tensor import SMALLEST_SIDE, ImageLike, as_uint8, image_batch, of_any_size
    from seglet.models.inference_defaults import InferenceDefaults
    from seglet.models.multiscale import (
        ClassMasks,
        MultiScaleOptions,
        predict_masks,
        remove_absent_classes,
        scaled_views,
        undo_view,
        weaken_background,
    )
    from seglet.models.network import Embedding, Network, NetworkOutput, evaluation_copy, evaluation_mode
    from seglet.models.onnx_segmenter import (
        ONNX_SUFFIX,
        ExportFacts,
        OnnxNetwork,
        load_exported,
        open_onnx_session,
        parameter_count,
        read_export_facts,
    )
    from seglet.models.segmentation import Segmentation
    from seglet.models.segmenter import Segmenter, build, load
    from seglet.models.student import StudentConfig, build_student
    from seglet.models.uncertainty import DropoutSites, mc_deviation, mc_mean_and_deviation, mc_probabilities
    from seglet.models.zero_dce import ZeroDCE, apply_curves, load_zero_dce, save_zero_dce

__all__ = [
    "CAM_BACKGROUND",
    "CLIP_NETWORKS",
    "LEARNED_FROM_TAGS",
    "NETWORK_NAMES",
    "ONNX_SUFFIX",
    "SMALLEST_SIDE",
    "Architecture",
    "ClassMasks",
    "DepthGuidance",
    "DepthTransform",
    "DropoutSites",
    "Embedding",
    "ExportFacts",
    "ImageLike",
    "InferenceDefaults",
    "MultiScaleOptions",
    "Network",
    "NetworkOutput",
    "OnnxNetwork",
    "Segmentation",
    "Segmenter",
    "StudentConfig",
    "ZeroDCE",
    "apply_curves",
    "as_uint8",
    "assemble_network",
    "batch_norms",
    "build",
    "build_student",
    "default_views",
    "evaluation_copy",
    "evaluation_mode",
    "fix_batch_norm_statistics",
    "freeze_pretrained",
    "image_batch",
    "load",
    "load_exported",
    "load_zero_dce",
    "mc_deviation",
    "mc_mean_and_deviation",
    "mc_probabilities",
    "of_any_size",
    "open_onnx_session",
    "parameter_count",
    "pooled_scores",
    "predict_masks",
    "pyramid_rates",
    "read_export_facts",
    "remove_absent_classes",
    "save_zero_dce",
    "scaled_views",
    "segmenter_class_maps",
    "size_penalty",
    "undo_view",
    "weaken_background",
]

_HOMES = {
    "Architecture": "seglet.models.architecture",
    "CAM_BACKGROUND": "seglet.models.class_maps",
    "CLIP_NETWORKS": "seglet.models.architecture",
    "ClassMasks": "seglet.models.multiscale",
    "DepthGuidance": "seglet.models.architecture",
    "DepthTransform": "seglet.models.architecture",
    "DropoutSites": "seglet.models.uncertainty",
    "Embedding": "seglet.models.network",
    "ExportFacts": "seglet.models.onnx_segmenter",
    "ImageLike": "seglet.models.image_tensor",
    "LEARNED_FROM_TAGS": "seglet.models.architecture",
    "InferenceDefaults": "seglet.models.inference_defaults",
    "MultiScaleOptions": "seglet.models.multiscale",
    "NETWORK_NAMES": "seglet.models.architecture",
    "Network": "seglet.models.network",
    "NetworkOutput": "seglet.models.network",
    "ONNX_SUFFIX": "seglet.models.onnx_segmenter",
    "OnnxNetwork": "seglet.models.onnx_segmenter",
    "SMALLEST_SIDE": "seglet.models.image_tensor",
    "Segmentation": "seglet.models.segmentation",
    "Segmenter": "seglet.models.segmenter",
    "StudentConfig": "seglet.models.student",
    "ZeroDCE": "seglet.models.zero_dce",
    "apply_curves": "seglet.models.zero_dce",
    "as_uint8": "seglet.models.image_tensor",
    "assemble_network": "seglet.models.assembly",
    "batch_norms": "seglet.models.freezing",
    "build": "seglet.models.segmenter",
    "build_student": "seglet.models.student",
    "default_views": "seglet.models.class_maps",
    "evaluation_copy": "seglet.models.network",
    "evaluation_mode": "seglet.models.network",
    "fix_batch_norm_statistics": "seglet.models.freezing",
    "freeze_pretrained": "seglet.models.freezing",
    "image_batch": "seglet.models.image_tensor",
    "load": "seglet.models.segmenter",
    "load_exported": "seglet.models.onnx_segmenter",
    "load_zero_dce": "seglet.models.zero_dce",
    "mc_deviation": "seglet.models.uncertainty",
    "mc_mean_and_deviation": "seglet.models.uncertainty",
    "mc_probabilities": "seglet.models.uncertainty",
    "of_any_size": "seglet.models.image_tensor",
    "open_onnx_session": "seglet.models.onnx_segmenter",
    "parameter_count": "seglet.models.onnx_segmenter",
    "pooled_scores": "seglet.models.class_scores",
    "predict_masks": "seglet.models.multiscale",
    "pyramid_rates": "seglet.models.assembly",
    "read_export_facts": "seglet.models.onnx_segmenter",
    "remove_absent_classes": "seglet.models.multiscale",
    "save_zero_dce": "seglet.models.zero_dce",
    "scaled_views": "seglet.models.multiscale",
    "segmenter_class_maps": "seglet.models.class_maps",
    "size_penalty": "seglet.models.class_scores",
    "undo_view": "seglet.models.multiscale",
    "weaken_background": "seglet.models.multiscale",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
