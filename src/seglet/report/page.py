"""The page: one HTML file in which everything is, and which may load nothing.

All that comes from files or people goes through `escape`. The policy allows this page's own style and script by their
hashes, and images that are part of it; no other script can run, whatever a class is called.
"""

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from seglet._version import __version__
from seglet.evaluation.scores import iou, mean_iou
from seglet.evaluation.slices import SIZES, STOPS, Slice
from seglet.report import charts
from seglet.report.embedding import tsne
from seglet.report.images import BEST, WORST, Shown
from seglet.report.measure import Measured
from seglet.report.sections import comparison, curves, facts, matrix, verdict
from seglet.report.subject import Subject


@dataclass(frozen=True)
class Content:
    """All that a page is made of; the first subject is the one that it is mostly about."""

    subjects: Sequence[Subject]
    measured: Sequence[Measured]
    shown: Sequence[Shown]
    data: str
    fingerprint: str
    command: str


def page(content: Content) -> str:
    first = content.measured[0]
    names = ", ".join(subject.name for subject in content.subjects)
    body = [
        f"<h1>{escape(names)}</h1>",
        verdict(content.subjects, content.measured, content.data),
        facts(content.subjects, content.measured, content.data, content.fingerprint, content.command),
        curves(content.subjects),
        _classes(content.subjects[0], first),
        matrix(content.subjects[0], first, content.shown),
        *(
            comparison(content.subjects, content.measured, place, content.shown)
            for place in range(1, len(content.subjects))
        ),
        _images(content),
        _calibration(first),
        _slices(first),
        _features(content.subjects[0], first),
    ]
    return _document(f"seglet: {names}", [part for part in body if part])


def _document(title: str, body: Sequence[str]) -> str:
    style, script = _own("style.css"), _own("script.js")
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


def _own(name: str) -> str:
    return (importlib.resources.files("seglet.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _classes(subject: Subject, measured: Measured) -> str:
    found = measured.evaluation.as_dict()
    edges = iou(measured.boundary.counts)
    rows = [(row["name"], row["iou"], *row["interval"]) for row in found["classes"]]
    chart = charts.intervals("IoU of each class from 0 to 1, with 95 % intervals", rows)
    lines = [
        f"<tr><th scope=row>{charts.swatch(colour)}{escape(row['name'])}</th><td>{percent(row['iou'])}</td>"
        f"<td>{percent(row['interval'][0])} – {percent(row['interval'][1])}</td><td>{percent(edge)}</td>"
        f"<td>{percent(row['accuracy'])}</td><td>{row['pixels']}</td></tr>"
        for row, edge, colour in zip(found["classes"], edges, subject.model.classes.colours, strict=True)
    ]
    head = "<tr><th>class<th>IoU %<th>95 % interval<th>boundary IoU %<th>found %<th>pixels</tr>"
    mean = f"Boundary IoU, mean: {percent(float(mean_iou(measured.boundary.counts)))} %."
    return (
        "<h2>Classes</h2><p>Intervals are those of a bootstrap over images. "
        f"{mean} It looks at bands along the outlines, 2 % of the diagonal wide.</p>"
        f'<div class="row"><div class="scroll"><table><thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
        f"</div>{chart}</div>"
    )


def _images(content: Content) -> str:
    first = content.measured[0]
    ordered = sorted(content.shown, key=lambda one: first.images[one.index].miou)
    layers = list(dict.fromkeys(name for one in ordered for name in one.layers))
    radios = "".join(
        f'<label><input type="radio" name="layer" value="{escape(name)}"{" checked" if place == 0 else ""}> '
        f"{escape(name)}</label>"
        for place, name in enumerate(layers)
    )
    places = [str(one.index) for one in ordered]
    groups = {"all shown": places, "worst": places[:WORST], "best": places[::-1][:BEST]}
    buttons = " ".join(show_button(name, f"Images: {name}", chosen) for name, chosen in groups.items())
    figures = "".join(_figure(one, content) for one in ordered)
    return (
        '<h2 id="images-title" tabindex="-1">Images</h2><div class="controls"><fieldset><legend>Over the images'
        f'</legend>{radios}<label>opacity <input id="opacity" type="range" min="0" max="100" value="60"></label>'
        "</fieldset>"
        f"<p>{buttons}</p></div><noscript><p>Layers and filters need this page's own script.</p></noscript>"
        f'<div class="gallery" role="group" aria-labelledby="images-title">{figures}</div>'
    )


def show_button(name: str, title: str, places: Sequence[str]) -> str:
    shown = " ".join(places)
    return f'<button type="button" data-show="{shown}" data-title="{escape(title)}">{escape(name)}</button>'


def _figure(one: Shown, content: Content) -> str:
    score = content.measured[0].images[one.index]
    size = f'width="{one.size[1]}" height="{one.size[0]}"'
    layers = "".join(
        f'<img class="layer{" on" if place == 0 else ""}" data-layer="{escape(name)}" alt="{escape(name)}" {size} '
        f'src="{uri}">'
        for place, (name, uri) in enumerate(one.layers.items())
    )
    others = "".join(
        f", {escape(subject.name)} {percent(found.images[one.index].miou)} %"
        for subject, found in zip(content.subjects[1:], content.measured[1:], strict=True)
    )
    caption = f"{escape(score.id)}: mIoU {percent(score.miou)} %{others}"
    image = f'<img alt="image {escape(score.id)}" {size} src="{one.image}">'
    stack = f'<div class="stack">{image}{layers}</div>'
    return f'<figure data-place="{one.index}">{stack}<figcaption>{caption}</figcaption></figure>'


def _calibration(measured: Measured) -> str:
    found = measured.evaluation.calibration
    bars = [(bar.lower, bar.upper, bar.accuracy, bar.count) for bar in found.reliability(15)]
    chart = charts.reliability("Share of right pixels by confidence, 15 bins", bars)
    return (
        f"<h2>Confidence</h2><p>ECE {percent(found.ece(15))} % (15 bins): how far confidences are from the truth. "
        f"Where bars end below the line, the network is too sure of itself.</p>{chart}"
    )


def _slices(measured: Measured) -> str:
    found = measured.slices
    ratio = measured.evaluation.cooccurrence.as_dict()["by_number"]
    crowd = "".join(
        f"<tr><th scope=row>{row['classes']}</th><td>{row['images']}</td><td>{_number(row['mean'])}</td></tr>"
        for row in ratio
    )
    tables = [
        _table("share of the image", ("classes in images", found.size), _edges(SIZES, lambda e: f"{100 * e:g} %")),
        _table("stops below middle grey", ("images", found.stops), _edges(STOPS, lambda e: f"{e:g}")),
        _table("classes in the image", ("images", found.crowd), ["0 or 1", "2", "3", "4 and more"]),
        f"<div><h3>confusion ratio by number of classes</h3><table><thead><tr><th>classes<th>images<th>false ÷ true"
        f"</tr></thead><tbody>{crowd}</tbody></table></div>",
    ]
    return (
        "<h2>Where it works</h2><p>Mean IoU of parts of the data: of classes by how much of an image they cover, "
        "of images by how much light they lack, and by how many classes share them. The confusion ratio is false "
        "over true positives.</p>"
        f'<div class="row">{"".join(tables)}</div>'
    )


def _edges(edges: Sequence[float], say: Any) -> list[str]:
    middle = [f"{say(low)} to {say(high)}" for low, high in pairwise(edges)]
    return [f"below {say(edges[0])}", *middle, f"{say(edges[-1])} and more"]


def _table(title: str, of: tuple[str, Slice], names: Sequence[str]) -> str:
    what, found = of
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{number}</td><td>{percent(score)}</td></tr>"
        for name, (number, score) in zip(names, found.rows(), strict=True)
    )
    head = f"<tr><th>{escape(title)}<th>{what}<th>mIoU %</tr>"
    return f"<div><h3>by {escape(title)}</h3><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>"


def _features(subject: Subject, measured: Measured) -> str:
    if len(measured.features) < 3:
        return ""
    classes = subject.model.classes
    places = tsne(np.stack(measured.features))
    dots = [
        (float(x), float(y), "#{:02x}{:02x}{:02x}".format(*classes.colours[label]), classes.names[label])
        for (x, y), label in zip(places, measured.feature_labels, strict=True)
    ]
    chart = charts.scatter("Features of pixels, coloured by their true class", dots)
    key = " ".join(
        f"<span>{charts.swatch(classes.colours[label])}{escape(classes.names[label])}</span>"
        for label in sorted(set(measured.feature_labels))
    )
    return (
        f"<h2>Features</h2><p>{len(dots)} pixels of all classes by the features that the network sees in them, laid "
        f"out by t-SNE: alike ones lie together, distances between groups mean little.</p>{chart}<p>{key}</p>"
    )


def percent(value: float | None) -> str:
    return "–" if value is None or not np.isfinite(value) else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
