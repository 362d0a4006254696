"""Predictions as HTML. All text is escaped, as names of files and classes may hold markup. Axes: h rows, w columns."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from seglet.report.charts import colour_swatch, line_chart
from seglet.report.data_uris import grey_uri, jpeg_uri, mask_uri
from seglet.types import Classes
from seglet.webapp.darkness_curve import BREAKING_MIOU, DarkeningStep, breaking_point
from seglet.webapp.predictors import ImagePrediction, MaskAgreement

MASK_LAYER, CONFIDENCE_LAYER, _UNCERTAINTY_LAYER = "mask", "confidence", "uncertainty"
"""Names of the layers over an image."""
PAGE_STYLE = """
.seglet figure { margin: 0 } .seglet figcaption { overflow-wrap: anywhere; margin: .2rem 0 }
.seglet .stack { display: grid } .seglet .stack img { grid-area: 1 / 1; width: 100%; image-rendering: pixelated }
.seglet .stack .layer { opacity: var(--seglet-opacity, .6) }
.seglet table { border-collapse: collapse } .seglet th, .seglet td { padding: .1rem .6rem; text-align: right }
.seglet th:first-child, .seglet td:first-child { text-align: left; overflow-wrap: anywhere }
.seglet svg { max-width: 100%; height: auto } .seglet .swatch { display: inline; margin-right: .4rem }
.seglet .wrong { border-left: .3rem solid #c2410c; padding-left: .6rem; overflow-wrap: anywhere }
"""


def layer_names(prediction: ImagePrediction) -> list[str]:
    """Lists the layers that a prediction has."""
    uncertainty = [] if prediction.uncertainty is None else [_UNCERTAINTY_LAYER]
    return [MASK_LAYER, CONFIDENCE_LAYER, *uncertainty, *prediction.maps]


def overlay_html(image: UInt8[np.ndarray, "h w 3"], prediction: ImagePrediction, layer: str, caption: str) -> str:
    """Returns the image under a layer, or under the mask if the prediction does not have the layer."""
    size = prediction.labels.shape
    maps: dict[str, Float[np.ndarray, "h w"]] = {CONFIDENCE_LAYER: prediction.confidence, **prediction.maps}
    if prediction.uncertainty is not None:
        maps[_UNCERTAINTY_LAYER] = prediction.uncertainty
    if layer not in maps:
        return mask_html(image, prediction.labels, prediction.classes, caption)
    return _stacked(image, grey_uri(maps[layer], size), caption, layer)


def mask_html(
    image: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"], classes: Classes, caption: str
) -> str:
    """Returns the image under a mask."""
    return _stacked(image, mask_uri(labels, labels.shape, classes), caption, MASK_LAYER)


def _stacked(image: UInt8[np.ndarray, "h w 3"], layer_uri: str, caption: str, layer: str) -> str:
    """Returns the image under a layer that is given as a data URI."""
    below = f'<img class="image" alt="the image" src="{jpeg_uri(image, image.shape[:2])}">'
    above = f'<img class="layer" alt="{escape(layer)}" src="{layer_uri}">'
    return _box(f'<figure><div class="stack">{below}{above}</div><figcaption>{escape(caption)}</figcaption></figure>')


def class_table_html(prediction: ImagePrediction) -> str:
    """Returns a table of the predicted classes with their shares and confidence."""
    head = "<tr><th>class</th><th>share</th><th>confidence</th></tr>"
    rows = [
        f"<tr><td>{colour_swatch(prediction.classes.colours[label])}{escape(prediction.classes.names[label])}</td>"
        f"<td>{_percent(share)}</td><td>{_percent(confidence)}</td></tr>"
        for label, share, confidence in prediction.class_shares()
    ]
    message = f"<p>{escape(prediction.message)}</p>" if prediction.message else ""
    return _box(f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{message}")


def agreement_text(agreement: MaskAgreement) -> str:
    """Returns the agreement of a prediction in the dark with that on the full image, in words."""
    return (
        f"{_percent(agreement.pixels)} of the pixels as at full light, mIoU {_percent(agreement.miou)} with the "
        "prediction there"
    )


def darkness_curve_html(curves: Mapping[str, Sequence[DarkeningStep]]) -> str:
    """Returns a chart with a line for each predictor, and a list of the points where they break."""
    series = {name: [(step.stops, step.agreement.miou) for step in steps] for name, steps in curves.items()}
    chart = line_chart("mIoU with the prediction at full light, by stops of light taken away", series, percent=True)
    items = []
    for name, steps in curves.items():
        point = breaking_point(steps)
        result = f"still holds at {stops_text(steps[-1].stops)}" if point is None else f"breaks at {stops_text(point)}"
        items.append(f"<li>{escape(name)} {result} (below {_percent(BREAKING_MIOU)})</li>")
    return _box(f"{chart}<p>Horizontal axis: stops of light taken away; each halves it.</p><ul>{''.join(items)}</ul>")


def stops_text(count: float) -> str:
    """Returns a number of stops in words."""
    return f"{count:g} stop" if count == 1 else f"{count:g} stops"


def messages_html(lines: Sequence[str], wrong: bool = True) -> str:
    """Returns messages, as alerts if something is `wrong`; empty for none."""
    kind = ' class="wrong" role="alert"' if wrong else ""
    return _box("".join(f"<p{kind}>{escape(line)}</p>" for line in lines)) if lines else ""


def _box(inside: str) -> str:
    return f'<div class="seglet">{inside}</div>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
