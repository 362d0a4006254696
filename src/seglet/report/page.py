"""The page of a report: one HTML file that holds everything and may load nothing.

All text that comes from files or people goes through `escape`. The policy allows this page's own style and script by
their hashes, and images that are part of it; no other script can run, whatever the name of a class is.
"""

import base64
import hashlib
import importlib.resources
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

from seglet._version import __version__
from seglet.evaluation.scores import class_iou, mean_iou
from seglet.evaluation.slices import SIZE_EDGES, STOP_EDGES, BinnedCounts
from seglet.report import charts
from seglet.report.features import features_section
from seglet.report.images import BEST_SHOWN, WORST_SHOWN, ReportImage
from seglet.report.scores import ReportScores
from seglet.report.sections import (
    comparison_section,
    confusion_section,
    cost_section,
    format_percent,
    scores_section,
    summary_section,
    training_section,
)
from seglet.report.subject import ReportSubject


@dataclass(frozen=True)
class ReportContent:
    """Content of a page; most sections are about the first subject.

    `pairs` is the number of pairs of confused classes whose features are drawn alone.
    """

    subjects: Sequence[ReportSubject]
    scores: Sequence[ReportScores]
    images: Sequence[ReportImage]
    data: str
    fingerprint: str
    command: str
    pairs: int = 0


def render_report(content: ReportContent) -> str:
    """Returns the page as HTML."""
    first = content.scores[0]
    names = ", ".join(subject.name for subject in content.subjects)
    body = [
        f"<h1>{escape(names)}</h1>",
        summary_section(content.subjects, content.scores, content.data),
        scores_section(content.subjects, content.scores, content.data, content.fingerprint, content.command),
        training_section(content.subjects),
        cost_section(content.subjects),
        _classes(content.subjects[0], first),
        confusion_section(content.subjects[0], first, content.images),
        *(
            comparison_section(content.subjects, content.scores, number, content.images)
            for number in range(1, len(content.subjects))
        ),
        _images(content),
        _calibration(first),
        _slices(first),
        features_section(content.subjects, content.scores, content.pairs),
    ]
    return _document(f"seglet: {names}", [part for part in body if part])


def _document(title: str, body: Sequence[str]) -> str:
    style, script = _resource("style.css"), _resource("script.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{style}</style>"
    )
    end = f"<footer><p>Made by seglet {__version__}.</p></footer><script>{script}</script>"
    main = "\n".join(body)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body><main>\n{main}\n</main>{end}</body></html>\n'


def _resource(name: str) -> str:
    return (importlib.resources.files("seglet.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _classes(subject: ReportSubject, scores: ReportScores) -> str:
    found = scores.evaluation.as_dict()
    edges = class_iou(scores.boundary.counts)
    rows = [(row["name"], row["iou"], *row["interval"]) for row in found["classes"]]
    chart = charts.interval_chart("IoU of each class from 0 to 1, with 95 % intervals", rows)
    lines = [
        _class_line(row, charts.colour_swatch(colour), float(edge))
        for row, edge, colour in zip(found["classes"], edges, subject.model.classes.colours, strict=True)
    ]
    head = "<tr><th>class<th>IoU %<th>95 % interval<th>boundary IoU %<th>accuracy %<th>pixels</tr>"
    mean = f"Boundary IoU, mean: {format_percent(float(mean_iou(scores.boundary.counts)))} %."
    return (
        "<h2>Classes</h2><p>Intervals are those of a bootstrap over images. "
        f"{mean} It counts bands along the outlines, 2 % of the diagonal wide.</p>"
        f'<div class="row"><div class="scroll"><table><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
        f"</div>{chart}</div>"
    )


def _class_line(row: Mapping[str, Any], swatch: str, boundary_iou: float) -> str:
    low, high = map(format_percent, row["interval"])
    scores = (format_percent(row["iou"]), f"{low} – {high}", format_percent(boundary_iou))
    cells = (*scores, format_percent(row["accuracy"]), str(row["pixels"]))
    return f"<tr><th scope=row>{swatch}{escape(row['name'])}</th><td>{'</td><td>'.join(cells)}</td></tr>"


def _images(content: ReportContent) -> str:
    first = content.scores[0]
    ordered = sorted(content.images, key=lambda image: first.images[image.index].miou)
    layers = list(dict.fromkeys(name for image in ordered for name in image.layers))
    radios = "".join(
        f'<label><input type="radio" name="layer" value="{escape(name)}"{" checked" if number == 0 else ""}> '
        f"{escape(name)}</label>"
        for number, name in enumerate(layers)
    )
    indices = [str(image.index) for image in ordered]
    groups = {"all shown": indices, "worst": indices[:WORST_SHOWN], "best": indices[::-1][:BEST_SHOWN]}
    buttons = " ".join(_show_button(name, f"Images: {name}", chosen) for name, chosen in groups.items())
    figures = "".join(_figure(image, content) for image in ordered)
    return (
        '<h2 id="images-title" tabindex="-1">Images</h2><div class="controls"><fieldset><legend>Layer'
        f'</legend>{radios}<label>opacity <input id="opacity" type="range" min="0" max="100" value="60"></label>'
        "</fieldset>"
        f"<p>{buttons}</p></div><noscript><p>Layers and filters need this page's own script.</p></noscript>"
        f'<div class="gallery" role="group" aria-labelledby="images-title">{figures}</div>'
    )


def _show_button(name: str, title: str, indices: Sequence[str]) -> str:
    shown = " ".join(indices)
    return f'<button type="button" data-show="{shown}" data-title="{escape(title)}">{escape(name)}</button>'


def _figure(image: ReportImage, content: ReportContent) -> str:
    score = content.scores[0].images[image.index]
    size = f'width="{image.size[1]}" height="{image.size[0]}"'
    layers = "".join(
        f'<img class="layer{" on" if number == 0 else ""}" data-layer="{escape(name)}" alt="{escape(name)}" {size} '
        f'src="{uri}">'
        for number, (name, uri) in enumerate(image.layers.items())
    )
    others = "".join(
        f", {escape(subject.name)} {format_percent(scores.images[image.index].miou)} %"
        for subject, scores in zip(content.subjects[1:], content.scores[1:], strict=True)
    )
    caption = f"{escape(score.id)}: mIoU {format_percent(score.miou)} %{others}"
    below = f'<img alt="image {escape(score.id)}" {size} src="{image.image}">'
    stack = f'<div class="stack">{below}{layers}</div>'
    return f'<figure data-index="{image.index}">{stack}<figcaption>{caption}</figcaption></figure>'


def _calibration(scores: ReportScores) -> str:
    found = scores.evaluation.calibration
    bars = [(bar.lower, bar.upper, bar.accuracy, bar.count) for bar in found.reliability(15)]
    chart = charts.reliability_chart("Accuracy of pixels by confidence, 15 bins", bars)
    return (
        f"<h2>Confidence</h2><p>ECE {format_percent(found.ece(15))} % (15 bins): the mean distance of "
        f"confidence and accuracy. Where bars end below the line, the network is overconfident.</p>{chart}"
    )


def _slices(scores: ReportScores) -> str:
    slices = scores.slices
    ratio = scores.evaluation.cooccurrence.as_dict()["by_number"]
    crowd = "".join(
        f"<tr><th scope=row>{row['classes']}</th><td>{row['images']}</td><td>{_number(row['mean'])}</td></tr>"
        for row in ratio
    )
    tables = [
        _slice_table(
            "share of the image", "classes in images", slices.size, _range_names(SIZE_EDGES, lambda e: f"{100 * e:g} %")
        ),
        _slice_table("stops below middle grey", "images", slices.stops, _range_names(STOP_EDGES, lambda e: f"{e:g}")),
        _slice_table("classes in the image", "images", slices.crowd, ["0 or 1", "2", "3", "4 and more"]),
        f"<div><h3>confusion ratio by number of classes</h3><table><thead><tr><th>classes<th>images<th>false ÷ true"
        f"</tr></thead><tbody>{crowd}</tbody></table></div>",
    ]
    return (
        "<h2>Slices</h2><p>Mean IoU on parts of the data: by the share of an image that a class covers, by the "
        "darkness of the image, and by the number of classes in it. The confusion ratio is false over true "
        "positives.</p>"
        f'<div class="row">{"".join(tables)}</div>'
    )


def _range_names(edges: Sequence[float], text: Callable[[float], str]) -> list[str]:
    """Returns a name for each range between the edges, and for those below and above all."""
    middle = [f"{text(low)} to {text(high)}" for low, high in pairwise(edges)]
    return [f"below {text(edges[0])}", *middle, f"{text(edges[-1])} and more"]


def _slice_table(title: str, unit: str, scores: BinnedCounts, names: Sequence[str]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{number}</td><td>{format_percent(score)}</td></tr>"
        for name, (number, score) in zip(names, scores.rows(), strict=True)
    )
    head = f"<tr><th>{escape(title)}<th>{unit}<th>mIoU %</tr>"
    return f"<div><h3>by {escape(title)}</h3><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
