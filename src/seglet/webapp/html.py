"""Answers as HTML. Names of files and classes may hold anything: all text is escaped. Axes: h rows, w columns."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Float, UInt8

from seglet.report.charts import colour_swatch, line_chart
from seglet.report.data_uris import grey_uri, jpeg_uri, mask_uri
from seglet.types import Classes
from seglet.webapp.answers import Agreement, Answer
from seglet.webapp.darkness_curve import BROKEN, Step, breaking_point

MASK, CONFIDENCE, UNCERTAINTY = "mask", "confidence", "uncertainty"
STYLE = """
.seglet figure { margin: 0 } .seglet figcaption { overflow-wrap: anywhere; margin: .2rem 0 }
.seglet .stack { display: grid } .seglet .stack img { grid-area: 1 / 1; width: 100%; image-rendering: pixelated }
.seglet .stack .layer { opacity: var(--seglet-opacity, .6) }
.seglet table { border-collapse: collapse } .seglet th, .seglet td { padding: .1rem .6rem; text-align: right }
.seglet th:first-child, .seglet td:first-child { text-align: left; overflow-wrap: anywhere }
.seglet svg { max-width: 100%; height: auto } .seglet .swatch { display: inline; margin-right: .4rem }
.seglet .wrong { border-left: .3rem solid #c2410c; padding-left: .6rem; overflow-wrap: anywhere }
"""


def layers(answer: Answer) -> list[str]:
    """What can be laid over the image."""
    spread = [] if answer.uncertainty is None else [UNCERTAINTY]
    return [MASK, CONFIDENCE, *spread, *answer.maps]


def look(image: UInt8[np.ndarray, "h w 3"], answer: Answer, layer: str, caption: str) -> str:
    """The image with a layer over it; one that this answer lacks is its mask."""
    size = answer.labels.shape
    maps: dict[str, Float[np.ndarray, "h w"]] = {CONFIDENCE: answer.confidence, **answer.maps}
    if answer.uncertainty is not None:
        maps[UNCERTAINTY] = answer.uncertainty
    over = grey_uri(maps[layer], size) if layer in maps else mask_uri(answer.labels, size, answer.classes)
    return stack(image, over, caption, layer if layer in maps else MASK)


def masked(image: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"], classes: Classes, caption: str) -> str:
    """The image with a mask over it."""
    return stack(image, mask_uri(labels, labels.shape, classes), caption, MASK)


def stack(image: UInt8[np.ndarray, "h w 3"], over: str, caption: str, layer: str) -> str:
    """An image, and the data URI of what lies over it."""
    below = f'<img class="image" alt="the image" src="{jpeg_uri(image, image.shape[:2])}">'
    above = f'<img class="layer" alt="{escape(layer)}" src="{over}">'
    return box(f'<figure><div class="stack">{below}{above}</div><figcaption>{escape(caption)}</figcaption></figure>')


def table(answer: Answer) -> str:
    """The classes that were found, with their shares."""
    head = "<tr><th>class</th><th>share</th><th>confidence</th></tr>"
    rows = [
        f"<tr><td>{colour_swatch(answer.classes.colours[label])}{escape(answer.classes.names[label])}</td>"
        f"<td>{_percent(share)}</td><td>{_percent(sure)}</td></tr>"
        for label, share, sure in answer.shares()
    ]
    remark = f"<p>{escape(answer.remark)}</p>" if answer.remark else ""
    return box(f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{remark}")


def left(found: Agreement) -> str:
    """What is left of an answer, in words."""
    return (
        f"{_percent(found.pixels)} of the pixels as in the light, mIoU {_percent(found.miou)} with its own answer there"
    )


def fading(curves: Mapping[str, Sequence[Step]]) -> str:
    """A line for each network, and where it breaks."""
    series = {name: [(step.stops, step.left.miou) for step in steps] for name, steps in curves.items()}
    chart = line_chart("mIoU with the answer in the light, by stops of light taken away", series, percent=True)
    said = []
    for name, steps in curves.items():
        point = breaking_point(steps)
        broken = f"breaks at {stops(point)}" if point is not None else f"still stands at {stops(steps[-1].stops)}"
        said.append(f"<li>{escape(name)} {broken} (below {_percent(BROKEN)})</li>")
    return box(f"{chart}<p>Across: stops of light taken away; each halves it.</p><ul>{''.join(said)}</ul>")


def stops(count: float) -> str:
    return f"{count:g} stop" if count == 1 else f"{count:g} stops"


def told(lines: Sequence[str], wrong: bool = True) -> str:
    """Lines for people; nothing for none."""
    kind = ' class="wrong" role="alert"' if wrong else ""
    return box("".join(f"<p{kind}>{escape(line)}</p>" for line in lines)) if lines else ""


def box(inside: str) -> str:
    return f'<div class="seglet">{inside}</div>'


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
