"""Actions of the page: receive files, show, darken and download; independent of Gradio."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seglet.data.dark.stops import stop_down
from seglet.webapp import html
from seglet.webapp.darkness_curve import darkness_curve
from seglet.webapp.downloads import write_downloads
from seglet.webapp.predictors import ImagePrediction, ImagePredictor, compare_masks
from seglet.webapp.uploads import Upload, UploadLimits, read_uploads

_MOST_PREDICTIONS = 16
"""Predictions that are kept of one visit."""
_NO_IMAGE = "drop an image first"


@dataclass
class Visit:
    """Images that one visitor uploaded, and the latest predictions by predictor, image and tags."""

    images: list[Upload] = field(default_factory=list)
    predictions: dict[tuple[int, int, str], ImagePrediction] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageView:
    """HTML of one image: an overlay and a table for each predictor, the names of the layers, and a message."""

    overlays: list[str]
    tables: list[str]
    layers: list[str]
    message: str


@dataclass(frozen=True)
class Controller:
    """Actions of the page, with one or two predictors; `folder` takes the files for download."""

    predictors: Sequence[ImagePredictor]
    folder: Path
    limits: UploadLimits = field(default_factory=UploadLimits)

    def receive_files(self, files: Sequence[str]) -> tuple[Visit, str]:
        """Reads uploaded files; returns a visit with the images, and messages about the other files."""
        images, messages = read_uploads([Path(file) for file in files], self.limits)
        return Visit(images), html.messages_html(messages)

    def show_image(self, visit: Visit, index: int, layer: str, tags: str) -> ImageView:
        """Returns the view of one image; an empty one with a message if it cannot be predicted."""
        if not visit.images:
            return self._empty_view("")
        index = min(max(index, 0), len(visit.images) - 1)
        upload = visit.images[index]
        try:
            predictions = [self.predict(visit, number, index, tags) for number in range(len(self.predictors))]
        except ValueError as error:
            return self._empty_view(html.messages_html([str(error)]))
        overlays = [
            html.overlay_html(upload.image, prediction, layer, f"{predictor.name}: {upload.name}")
            for predictor, prediction in zip(self.predictors, predictions, strict=True)
        ]
        layers = list(dict.fromkeys(name for prediction in predictions for name in html.layer_names(prediction)))
        tables = [html.class_table_html(prediction) for prediction in predictions]
        return ImageView(overlays, tables, layers, _agreement_message(predictions))

    def predict(self, visit: Visit, number: int, index: int, tags: str) -> ImagePrediction:
        """Predicts one image with the predictor of this number, unless the visit keeps the prediction."""
        key = (number, index, tags)
        if key not in visit.predictions:
            while len(visit.predictions) >= _MOST_PREDICTIONS:
                visit.predictions.pop(next(iter(visit.predictions)))
            upload = visit.images[index]
            visit.predictions[key] = self.predictors[number].predict(upload.image, upload.name, tags)
        return visit.predictions[key]

    def darken_image(self, visit: Visit, index: int, stops: float, tags: str) -> list[str]:
        """Returns the darkened image under each predictor's mask, with its agreement with that on the full image."""
        if not visit.images:
            return ["" for _ in self.predictors]
        upload = visit.images[index]
        image = stop_down(upload.image, stops)
        drawn = []
        for number, predictor in enumerate(self.predictors):
            try:
                full = self.predict(visit, number, index, tags)
                labels = predictor.labels(image, upload.name, tags)
            except ValueError as error:
                drawn.append(html.messages_html([str(error)]))
                continue
            agreement = html.agreement_text(compare_masks(full.labels, labels, len(full.classes)))
            caption = f"{predictor.name}, {html.stops_text(stops)} less: {agreement}"
            drawn.append(html.mask_html(image, labels, full.classes, caption))
        return drawn

    def draw_darkness_curve(self, visit: Visit, index: int, tags: str) -> str:
        """Returns a chart of each predictor's agreement with its prediction on the full image, as light is lost."""
        if not visit.images:
            return html.messages_html([_NO_IMAGE])
        upload = visit.images[index]
        try:
            curves = {
                predictor.name: darkness_curve(
                    lambda image, predictor=predictor: predictor.labels(image, upload.name, tags),  # type: ignore[misc]
                    upload.image,
                    len(self.predict(visit, number, index, tags).classes),
                )
                for number, predictor in enumerate(self.predictors)
            }
        except ValueError as error:
            return html.messages_html([str(error)])
        return html.darkness_curve_html(curves)

    def make_downloads(self, visit: Visit, tags: str) -> tuple[list[str], str]:
        """Writes files of the first predictor's predictions of all images; returns their paths, or a message."""
        try:
            predicted = [(upload, self.predict(visit, 0, index, tags)) for index, upload in enumerate(visit.images)]
            return [str(file) for file in write_downloads(predicted, self.folder)], ""
        except ValueError as error:
            return [], html.messages_html([str(error)])

    def _empty_view(self, message: str) -> ImageView:
        empty = ["" for _ in self.predictors]
        return ImageView(empty, empty, [html.MASK_LAYER, html.CONFIDENCE_LAYER], message)


def _agreement_message(predictions: Sequence[ImagePrediction]) -> str:
    """Returns a message on how far two predictions agree; empty for one prediction."""
    if len(predictions) < 2:
        return ""
    first, second = predictions
    agreement = compare_masks(first.labels, second.labels, len(first.classes))
    text = f"The two agree on {100 * agreement.pixels:.1f} % of the pixels, with mIoU {100 * agreement.miou:.1f} %."
    return html.messages_html([text], wrong=False)
