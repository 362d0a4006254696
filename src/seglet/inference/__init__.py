"""Models applied to images and data sets: prediction, pseudo labels, refinement, brightening, evaluation.

The names here are loaded when they are used.
"""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.inference.evaluate import ScoredModel, ScoringOptions, score_model
    from seglet.inference.folder_enhancement import EnhanceOptions, enhance_folder
    from seglet.inference.folder_labelling import LabelOptions, label_folder
    from seglet.inference.folder_prediction import FolderOptions, ImageSource, predict_folder
    from seglet.inference.folder_refinement import RefineOptions, refine_folder
    from seglet.inference.from_tags import TagPredictor, open_method
    from seglet.inference.job_report import JobReport
    from seglet.inference.models import choose_device, load_model
    from seglet.inference.options import InferenceOptions, PseudoLabelOptions, Refiner, SegmentOptions
    from seglet.inference.predict import predict_maps, predict_probabilities
    from seglet.inference.pseudo_labels import PseudoLabels, predict_pseudo_labels
    from seglet.inference.refine import refine_scores
    from seglet.inference.score_maps import read_scores, write_scores
    from seglet.inference.segment import PredictedMaps, segment_image
    from seglet.inference.sources import LabelMethod, PairedDataset, open_predictor

__all__ = [
    "EnhanceOptions",
    "FolderOptions",
    "ImageSource",
    "InferenceOptions",
    "JobReport",
    "LabelMethod",
    "LabelOptions",
    "PairedDataset",
    "PredictedMaps",
    "PseudoLabelOptions",
    "PseudoLabels",
    "RefineOptions",
    "Refiner",
    "ScoredModel",
    "ScoringOptions",
    "SegmentOptions",
    "TagPredictor",
    "choose_device",
    "enhance_folder",
    "label_folder",
    "load_model",
    "open_method",
    "open_predictor",
    "predict_folder",
    "predict_maps",
    "predict_probabilities",
    "predict_pseudo_labels",
    "read_scores",
    "refine_folder",
    "refine_scores",
    "score_model",
    "segment_image",
    "write_scores",
]

_HOMES = {
    "EnhanceOptions": "seglet.inference.folder_enhancement",
    "FolderOptions": "seglet.inference.folder_prediction",
    "ImageSource": "seglet.inference.folder_prediction",
    "InferenceOptions": "seglet.inference.options",
    "JobReport": "seglet.inference.job_report",
    "LabelMethod": "seglet.inference.sources",
    "LabelOptions": "seglet.inference.folder_labelling",
    "PairedDataset": "seglet.inference.sources",
    "PredictedMaps": "seglet.inference.segment",
    "PseudoLabelOptions": "seglet.inference.options",
    "PseudoLabels": "seglet.inference.pseudo_labels",
    "RefineOptions": "seglet.inference.folder_refinement",
    "Refiner": "seglet.inference.options",
    "ScoredModel": "seglet.inference.evaluate",
    "ScoringOptions": "seglet.inference.evaluate",
    "SegmentOptions": "seglet.inference.options",
    "TagPredictor": "seglet.inference.from_tags",
    "choose_device": "seglet.inference.models",
    "enhance_folder": "seglet.inference.folder_enhancement",
    "label_folder": "seglet.inference.folder_labelling",
    "load_model": "seglet.inference.models",
    "open_method": "seglet.inference.from_tags",
    "open_predictor": "seglet.inference.sources",
    "predict_folder": "seglet.inference.folder_prediction",
    "predict_maps": "seglet.inference.predict",
    "predict_probabilities": "seglet.inference.predict",
    "predict_pseudo_labels": "seglet.inference.pseudo_labels",
    "read_scores": "seglet.inference.score_maps",
    "refine_folder": "seglet.inference.folder_refinement",
    "refine_scores": "seglet.inference.refine",
    "score_model": "seglet.inference.evaluate",
    "segment_image": "seglet.inference.segment",
    "write_scores": "seglet.inference.score_maps",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
