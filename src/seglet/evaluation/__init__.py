"""Scores of predictions: confusion, calibration, significance, and prediction of whole images."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.evaluation.boundary import BoundaryCounts
    from seglet.evaluation.calibration import Calibration, ReliabilityBin
    from seglet.evaluation.cam_curve import BestThreshold, CamCurve
    from seglet.evaluation.confusion import confusion_matrix
    from seglet.evaluation.confusion_ratio import Cooccurrence, mean_confusion_ratio
    from seglet.evaluation.evaluate import batch_images, evaluate_samples
    from seglet.evaluation.inference import PredictedLabels, predict_labels, predict_logits
    from seglet.evaluation.options import EvaluationOptions
    from seglet.evaluation.pseudo_labels import PseudoLabelQuality
    from seglet.evaluation.result import Evaluation
    from seglet.evaluation.scores import (
        Scores,
        class_accuracy,
        class_counts,
        class_iou,
        mean_accuracy,
        mean_iou,
        pixel_accuracy,
    )
    from seglet.evaluation.significance import Bootstrap, SignTest, sign_test
    from seglet.evaluation.slices import ScoreSlices
    from seglet.evaluation.sliding import sliding_bands, window_spans

__all__ = [
    "BestThreshold",
    "Bootstrap",
    "BoundaryCounts",
    "Calibration",
    "CamCurve",
    "Cooccurrence",
    "Evaluation",
    "EvaluationOptions",
    "PredictedLabels",
    "PseudoLabelQuality",
    "ReliabilityBin",
    "ScoreSlices",
    "Scores",
    "SignTest",
    "batch_images",
    "class_accuracy",
    "class_counts",
    "class_iou",
    "confusion_matrix",
    "evaluate_samples",
    "mean_accuracy",
    "mean_confusion_ratio",
    "mean_iou",
    "pixel_accuracy",
    "predict_labels",
    "predict_logits",
    "sign_test",
    "sliding_bands",
    "window_spans",
]

_HOMES = {
    "BestThreshold": "seglet.evaluation.cam_curve",
    "Bootstrap": "seglet.evaluation.significance",
    "BoundaryCounts": "seglet.evaluation.boundary",
    "Calibration": "seglet.evaluation.calibration",
    "CamCurve": "seglet.evaluation.cam_curve",
    "Cooccurrence": "seglet.evaluation.confusion_ratio",
    "Evaluation": "seglet.evaluation.result",
    "EvaluationOptions": "seglet.evaluation.options",
    "PredictedLabels": "seglet.evaluation.inference",
    "PseudoLabelQuality": "seglet.evaluation.pseudo_labels",
    "ReliabilityBin": "seglet.evaluation.calibration",
    "ScoreSlices": "seglet.evaluation.slices",
    "Scores": "seglet.evaluation.scores",
    "SignTest": "seglet.evaluation.significance",
    "batch_images": "seglet.evaluation.evaluate",
    "class_accuracy": "seglet.evaluation.scores",
    "class_counts": "seglet.evaluation.scores",
    "class_iou": "seglet.evaluation.scores",
    "confusion_matrix": "seglet.evaluation.confusion",
    "evaluate_samples": "seglet.evaluation.evaluate",
    "mean_accuracy": "seglet.evaluation.scores",
    "mean_confusion_ratio": "seglet.evaluation.confusion_ratio",
    "mean_iou": "seglet.evaluation.scores",
    "pixel_accuracy": "seglet.evaluation.scores",
    "predict_labels": "seglet.evaluation.inference",
    "predict_logits": "seglet.evaluation.inference",
    "sign_test": "seglet.evaluation.significance",
    "sliding_bands": "seglet.evaluation.sliding",
    "window_spans": "seglet.evaluation.sliding",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
