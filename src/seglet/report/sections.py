"""Parts of the page that put runs beside each other, or ask for images."""

import statistics
from collections.abc import Sequence
from html import escape

import numpy as np

from seglet.evaluation.sign_test import sign_test
from seglet.report import charts
from seglet.report.images import Shown, regressions
from seglet.report.measure import Measured
from seglet.report.subject import Subject

CONVENTION = "mean over the classes in the truth or the prediction"
MOST_CLASSES = 40
"""Rows of the matrix; of more classes those with the most errors are shown."""
LISTED = 20


def verdict(subjects: Sequence[Subject], measured: Sequence[Measured], data: str) -> str:
    """One line: the score, of repeated runs with its deviation, and the worst class; then what is wrong with runs."""
    scores = [100 * found.evaluation.scores()["miou"] for found in measured]
    first = measured[0].evaluation
    known = [
        (value, name) for value, name in zip(first.summary.iou, first.classes.names, strict=True) if value == value
    ]
    worst = f", worst class: {escape(min(known)[1])} {100 * min(known)[0]:.1f}" if known else ""
    if repeated(subjects):
        said = f"mIoU {statistics.mean(scores):.1f} ± {statistics.stdev(scores):.1f} % ({len(scores)} seeds)"
    else:
        low, high = 100 * first.bootstrap.mean_iou()
        said = f"mIoU {scores[0]:.1f} %, 95 %: {low:.1f} – {high:.1f}"
        said += "".join(f"; {escape(s.name)} {score:.1f} %" for s, score in zip(subjects[1:], scores[1:], strict=True))
    remarks = [f'<p class="warning">{escape(s.name)} {escape(s.remark)}.</p>' for s in subjects if s.remark]
    where = f"on {first.count} images of {escape(data)}; {CONVENTION}"
    return f'<p class="verdict">{said}{worst}</p><p>{where}.</p>{"".join(remarks)}'


def repeated(subjects: Sequence[Subject]) -> bool:
    """Whether all are runs of one experiment that differ by their seeds alone."""
    experiments = [subject.seedless() for subject in subjects]
    seeds = {subject.experiment.settings.seed for subject in subjects if subject.experiment is not None}
    same = experiments[0] is not None and all(other == experiments[0] for other in experiments)
    return same and len(subjects) > 1 and len(seeds) == len(subjects)


def facts(subjects: Sequence[Subject], measured: Sequence[Measured], data: str, fingerprint: str, command: str) -> str:
    """Scores of every run beside each other, and how to have all this again."""
    keys = {"miou": "mIoU", "miou_present": "mIoU, classes in the truth", "miou_all": "mIoU, all classes",
            "pixel_accuracy": "pixel accuracy", "mean_accuracy": "mean accuracy", "ece_15": "ECE, 15 bins"}  # fmt: skip
    head = "".join(f"<th>{escape(subject.name)}" for subject in subjects)
    found = [one.evaluation.scores() for one in measured]
    rows = "".join(
        f"<tr><th scope=row>{label}</th>{''.join(f'<td>{_percent(one[key])}</td>' for one in found)}</tr>"
        for key, label in keys.items()
    )
    again = [f"<dt>this page</dt><dd><code>{escape(command)}</code></dd>"]
    for subject in subjects:
        if subject.record:
            made = f"<code>{escape(str(subject.record.get('command', '')))}</code>, commit "
            again.append(f"<dt>{escape(subject.name)}</dt><dd>{made}{escape(str(subject.record.get('commit')))}</dd>")
    again.append(f"<dt>data</dt><dd>{escape(data)}, fingerprint <code>{escape(fingerprint)}</code></dd>")
    return (
        f'<div class="scroll"><table><thead><tr><th>%{head}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"<details><summary>How to have this again</summary><dl>{''.join(again)}</dl></details>"
    )


def curves(subjects: Sequence[Subject]) -> str:
    """Validation scores and losses by step, and what refinement makes of pseudo labels, as far as they were logged."""
    scores = {subject.name: subject.curves.get("val/miou", subject.curves.get("miou", [])) for subject in subjects}
    first = {name: curve for name, curve in subjects[0].curves.items() if "loss" in name}
    drawn = [
        ("validation mIoU, by step", {name: curve for name, curve in scores.items() if curve}, True),
        (f"losses of {subjects[0].name}, by step", first, False),
        *((title, lines, True) for subject in subjects for title, lines in refinement(subject)),
    ]
    charted = [
        (title, charts.line_chart(title[0].upper() + title[1:], lines, percent)) for title, lines, percent in drawn
    ]
    figures = "".join(
        f"<figure>{chart}<figcaption>{escape(title)}</figcaption></figure>" for title, chart in charted if chart
    )
    return f'<h2>Training</h2><div class="row">{figures}</div>' if figures else ""


def refinement(subject: Subject) -> list[tuple[str, dict[str, list[tuple[int, float]]]]]:
    """How good pseudo labels are before and after they are refined; nothing of runs that refine none.

    Before is what the average guesses, which is what is validated, and after what refinement makes of that.
    """
    known = {"miou": "mIoU", "boundary_iou": "boundary IoU"}
    return [
        (
            f"pseudo labels of {subject.name}: {label}, by step",
            {"as guessed": subject.curves.get(f"val/{key}", []), "refined": subject.curves[f"refined/{key}"]},
        )
        for key, label in known.items()
        if f"refined/{key}" in subject.curves
    ]


def matrix(subject: Subject, measured: Measured, shown: Sequence[Shown]) -> str:
    """Shares of each class's pixels that were taken for each class; a cell shows the images that feed it."""
    counts = measured.evaluation.confusion.numpy()
    classes = subject.model.classes
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    kept = sorted(np.argsort(-wrong, kind="stable")[:MOST_CLASSES].tolist())
    head = "".join(f'<th scope="col">{escape(classes.names[label])}' for label in kept)
    rows = "".join(
        f'<tr><th scope="row">{charts.swatch(classes.colours[row])}{escape(classes.names[row])}</th>'
        + "".join(_cell(row, column, counts, measured, shown) for column in kept)
        + "</tr>"
        for row in kept
    )
    cut = f" Shown are the {MOST_CLASSES} classes with the most errors." if len(kept) < len(classes) else ""
    return (
        "<h2>What is taken for what</h2><p>Rows are true classes, columns what the network saw, in % of the row's "
        f"pixels. A button shows images that feed its cell.{cut}</p>"
        f'<div class="scroll"><table class="matrix"><thead><tr><th>truth{head}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _cell(row: int, column: int, counts: np.ndarray, measured: Measured, shown: Sequence[Shown]) -> str:
    whole, count = int(counts[row].sum()), int(counts[row, column])
    if not count:
        return "<td></td>"
    said = f"{100 * count / whole:.1f}"
    if row == column:
        return f'<td class="right">{said}</td>'
    feeding = [(int(measured.images[one.index].confusion[row, column]), one.index) for one in shown]
    places = " ".join(str(place) for amount, place in sorted(feeding, reverse=True) if amount)
    if not places:
        return f"<td>{said}</td>"
    names = measured.evaluation.classes.names
    title = escape(f"Images where {names[row]} is taken for {names[column]}")
    aria = f'aria-label="{said} %: {title}"'
    return f'<td><button type="button" {aria} data-show="{places}" data-title="{title}">{said}</button></td>'


def comparison(subjects: Sequence[Subject], measured: Sequence[Measured], place: int, shown: Sequence[Shown]) -> str:
    """The first run and another, image by image."""
    one, other = measured[0], measured[place]
    test = sign_test([p.miou for p in one.images], [p.miou for p in other.images])
    lost = regressions(one, other)
    there = {each.index for each in shown}
    rows = "".join(
        f"<tr><th scope=row>{escape(one.images[i].id)}</th><td>{_percent(one.images[i].miou)}</td>"
        f"<td>{_percent(other.images[i].miou)}</td></tr>"
        for i in lost[:LISTED]
    )
    names = escape(subjects[0].name), escape(subjects[place].name)
    places = " ".join(str(i) for i in lost if i in there)
    title = escape(f"Images where {subjects[place].name} is worse than {subjects[0].name}")
    button = (
        f'<p><button type="button" data-show="{places}" data-title="{title}">show them</button></p>' if places else ""
    )
    table = (
        f"<table><thead><tr><th>worse than before<th>{names[0]}<th>{names[1]}</tr></thead><tbody>{rows}</tbody></table>"
    )
    verdict = (
        f"{names[1]} is better than {names[0]} on {test.better} images, worse on {test.worse}, equal on "
        f"{test.equal}; by chance alone so uneven with probability {test.p:.2g} (sign test, two-sided)."
    )
    return f"<h2>{names[0]} and {names[1]}</h2><p>{verdict}</p>{table if rows else ''}{button}"


def _percent(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{100 * value:.1f}"
