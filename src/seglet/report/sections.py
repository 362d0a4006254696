"""Sections of the page that compare runs or have buttons that show images."""

import statistics
from collections.abc import Sequence
from html import escape

import numpy as np

from seglet.evaluation.significance import sign_test
from seglet.report import charts
from seglet.report.images import ReportImage, worse_images
from seglet.report.scores import ReportScores
from seglet.report.subject import MetricCurve, ReportSubject

_CONVENTION = "mean over the classes in the truth or the prediction"
_MOST_CLASSES = 40
"""Largest number of rows of the confusion matrix; of more classes those with the most errors are shown."""
_LISTED = 20
"""Largest number of images in a table of those that got worse."""
_SCORES = {"miou": "mIoU", "miou_present": "mIoU, classes in the truth", "miou_all": "mIoU, all classes",
           "pixel_accuracy": "pixel accuracy", "mean_accuracy": "mean accuracy", "ece_15": "ECE, 15 bins"}  # fmt: skip
"""Scores of the table of runs, and their names there."""


def summary_section(subjects: Sequence[ReportSubject], scores: Sequence[ReportScores], data: str) -> str:
    """Renders the first lines: mIoU, over repeated runs with its deviation, and the worst class; then warnings."""
    values = [100 * each.evaluation.scores()["miou"] for each in scores]
    first = scores[0].evaluation
    known = [
        (value, name) for value, name in zip(first.summary.iou, first.classes.names, strict=True) if value == value
    ]
    worst = f", worst class: {escape(min(known)[1])} {100 * min(known)[0]:.1f}" if known else ""
    if differ_by_seed_alone(subjects):
        text = f"mIoU {statistics.mean(values):.1f} ± {statistics.stdev(values):.1f} % ({len(values)} seeds)"
    else:
        low, high = 100 * first.bootstrap.mean_iou()
        text = f"mIoU {values[0]:.1f} %, 95 %: {low:.1f} – {high:.1f}"
        text += "".join(f"; {escape(s.name)} {value:.1f} %" for s, value in zip(subjects[1:], values[1:], strict=True))
    warnings = [f'<p class="warning">{escape(s.name)} {escape(s.warning)}.</p>' for s in subjects if s.warning]
    where = f"on {first.count} images of {escape(data)}; {_CONVENTION}"
    return f'<p class="summary">{text}{worst}</p><p>{where}.</p>{"".join(warnings)}'


def differ_by_seed_alone(subjects: Sequence[ReportSubject]) -> bool:
    """Returns True if all are runs of one experiment with different seeds."""
    experiments = [subject.experiment_without_seed() for subject in subjects]
    seeds = {subject.experiment.settings.seed for subject in subjects if subject.experiment is not None}
    same = experiments[0] is not None and all(other == experiments[0] for other in experiments)
    return same and len(subjects) > 1 and len(seeds) == len(subjects)


def scores_section(
    subjects: Sequence[ReportSubject], scores: Sequence[ReportScores], data: str, fingerprint: str, command: str
) -> str:
    """Renders the scores of all runs side by side, and the commands and data that reproduce them."""
    head = "".join(f"<th>{escape(subject.name)}" for subject in subjects)
    values = [each.evaluation.scores() for each in scores]
    rows = "".join(
        f"<tr><th scope=row>{title}</th>{''.join(f'<td>{format_percent(each[key])}</td>' for each in values)}</tr>"
        for key, title in _SCORES.items()
    )
    origin = [f"<dt>this page</dt><dd><code>{escape(command)}</code></dd>"]
    for subject in subjects:
        if subject.record:
            made = f"<code>{escape(str(subject.record.get('command', '')))}</code>, commit "
            origin.append(f"<dt>{escape(subject.name)}</dt><dd>{made}{escape(str(subject.record.get('commit')))}</dd>")
    origin.append(f"<dt>data</dt><dd>{escape(data)}, fingerprint <code>{escape(fingerprint)}</code></dd>")
    return (
        f'<div class="scroll"><table><thead><tr><th>%{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<details><summary>How to reproduce this</summary><dl>{''.join(origin)}</dl></details>"
    )


def training_section(subjects: Sequence[ReportSubject]) -> str:
    """Renders curves of validation scores, losses and pseudo labels by step, as far as they were logged."""
    scores = {subject.name: subject.curves.get("val/miou", subject.curves.get("miou", [])) for subject in subjects}
    maps = {subject.name: subject.curves.get("maps/miou", []) for subject in subjects}
    losses = {name: curve for name, curve in subjects[0].curves.items() if "loss" in name}
    drawn = [
        ("validation mIoU, by step", {name: curve for name, curve in scores.items() if curve}, True),
        ("mIoU of maps from tags, by step", {name: curve for name, curve in maps.items() if curve}, True),
        (f"losses of {subjects[0].name}, by step", losses, False),
        *((title, lines, True) for subject in subjects for title, lines in _refinement_curves(subject)),
        *((title, lines, True) for subject in subjects for title, lines in _trust_curves(subject)),
    ]
    charted = [
        (title, charts.line_chart(title[0].upper() + title[1:], lines, percent)) for title, lines, percent in drawn
    ]
    figures = "".join(
        f"<figure>{chart}<figcaption>{escape(title)}</figcaption></figure>" for title, chart in charted if chart
    )
    return f'<h2>Training</h2><div class="row">{figures}</div>' if figures else ""


def _refinement_curves(subject: ReportSubject) -> list[tuple[str, dict[str, MetricCurve]]]:
    """Returns title and curves of pseudo labels as predicted by the averaged model, which is what is validated, and
    after refinement; empty for runs that refine none."""
    names = {"miou": "mIoU", "boundary_iou": "boundary IoU"}
    return [
        (
            f"pseudo labels of {subject.name}: {name}, by step",
            {"predicted": subject.curves.get(f"val/{key}", []), "refined": subject.curves[f"refined/{key}"]},
        )
        for key, name in names.items()
        if f"refined/{key}" in subject.curves
    ]


def _trust_curves(subject: ReportSubject) -> list[tuple[str, dict[str, MetricCurve]]]:
    """Returns title and curves of the pixels of validation images that would be used as pseudo labels: their share and
    their precision, overall, after refinement and of each class; empty for runs without pseudo labels."""
    kinds = {"trusted": "share of trusted pixels", "precision": "precision of trusted pixels"}
    found = []
    for key, title in kinds.items():
        whole = {name: subject.curves.get(f"{name}/{key}", []) for name in ("val", "refined")}
        names = {"val": "predicted", "refined": "refined"}
        lines = {names[name]: curve for name, curve in whole.items() if curve}
        start = f"val/{key}/"
        classes = {name.removeprefix(start): each for name, each in subject.curves.items() if name.startswith(start)}
        drawn = {f"{title}, by step": lines, f"{title} of each class, by step": classes}
        found += [(f"pseudo labels of {subject.name}: {end}", each) for end, each in drawn.items() if each]
    return found


def cost_section(subjects: Sequence[ReportSubject]) -> str:
    """Renders time and peak memory of each run's phases; empty where no run noted them."""
    phases = {"offline": "offline, by seglet prepare", "online": "online, training"}
    shown = {phase: title for phase, title in phases.items() if any(phase in each.costs for each in subjects)}
    if not shown:
        return ""
    head = "".join(f"<th>{escape(subject.name)}" for subject in subjects)
    rows = "".join(
        f"<tr><th scope=row>{title}</th>"
        + "".join(f"<td>{escape(each.costs[phase].text()) if phase in each.costs else '–'}</td>" for each in subjects)
        + "</tr>"
        for phase, title in shown.items()
    )
    return (
        f'<h2>Time and memory</h2><div class="scroll"><table><thead><tr><th>phase{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def confusion_section(subject: ReportSubject, scores: ReportScores, images: Sequence[ReportImage]) -> str:
    """Renders the confusion matrix in shares of each true class; a cell has a button that shows images with it."""
    counts = scores.evaluation.confusion.numpy()
    classes = subject.model.classes
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    kept = sorted(np.argsort(-wrong, kind="stable")[:_MOST_CLASSES].tolist())
    head = "".join(f'<th scope="col">{escape(classes.names[label])}' for label in kept)
    rows = "".join(
        f'<tr><th scope="row">{charts.colour_swatch(classes.colours[row])}{escape(classes.names[row])}</th>'
        + "".join(_confusion_cell(row, column, counts, scores, images) for column in kept)
        + "</tr>"
        for row in kept
    )
    cut = f" Shown are the {_MOST_CLASSES} classes with the most errors." if len(kept) < len(classes) else ""
    return (
        "<h2>Confusion matrix</h2><p>Rows are true classes, columns are predicted classes, in % of the row's "
        f"pixels. A button shows images with this error.{cut}</p>"
        f'<div class="scroll"><table class="matrix"><thead><tr><th>truth{head}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _confusion_cell(
    row: int, column: int, counts: np.ndarray, scores: ReportScores, images: Sequence[ReportImage]
) -> str:
    whole, count = int(counts[row].sum()), int(counts[row, column])
    if not count:
        return "<td></td>"
    share = f"{100 * count / whole:.1f}"
    if row == column:
        return f'<td class="right">{share}</td>'
    pixels = [(int(scores.images[image.index].confusion[row, column]), image.index) for image in images]
    indices = " ".join(str(index) for count, index in sorted(pixels, reverse=True) if count)
    if not indices:
        return f"<td>{share}</td>"
    names = scores.evaluation.classes.names
    title = escape(f"Images where {names[row]} is predicted as {names[column]}")
    aria = f'aria-label="{share} %: {title}"'
    return f'<td><button type="button" {aria} data-show="{indices}" data-title="{title}">{share}</button></td>'


def comparison_section(
    subjects: Sequence[ReportSubject], scores: Sequence[ReportScores], number: int, images: Sequence[ReportImage]
) -> str:
    """Renders a comparison of the first run with the run of this number, image by image."""
    first, other = scores[0], scores[number]
    test = sign_test([image.miou for image in first.images], [image.miou for image in other.images])
    worse = worse_images(first, other)
    rendered = {image.index for image in images}
    rows = "".join(
        f"<tr><th scope=row>{escape(first.images[i].id)}</th><td>{format_percent(first.images[i].miou)}</td>"
        f"<td>{format_percent(other.images[i].miou)}</td></tr>"
        for i in worse[:_LISTED]
    )
    names = escape(subjects[0].name), escape(subjects[number].name)
    indices = " ".join(str(i) for i in worse if i in rendered)
    title = escape(f"Images where {subjects[number].name} is worse than {subjects[0].name}")
    button = f'<p><button type="button" data-show="{indices}" data-title="{title}">show them</button></p>'
    head = f"<tr><th>images that got worse<th>{names[0]}<th>{names[1]}</tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    text = (
        f"{names[1]} is better than {names[0]} on {test.better} images, worse on {test.worse}, equal on {test.equal}; "
        f"a difference as large as this has probability {test.p:.2g} by chance (sign test, two-sided)."
    )
    return f"<h2>{names[0]} and {names[1]}</h2><p>{text}</p>{table if rows else ''}{button if indices else ''}"


def format_percent(value: float | None) -> str:
    """Returns a share in percent with one decimal; a dash if it is not known."""
    return "–" if value is None or not np.isfinite(value) else f"{100 * value:.1f}"
