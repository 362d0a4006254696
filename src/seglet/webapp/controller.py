"""What the page does when somebody drops, picks, types or asks; knows nothing of Gradio."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seglet.data.dark.stops import stop_down
from seglet.webapp import darkness_curve, html
from seglet.webapp.answers import Answer, Viewer, agreement
from seglet.webapp.downloads import downloads
from seglet.webapp.uploads import Dropped, Limits, read_all

KEPT = 16
"""Answers that are remembered of one visit."""


@dataclass
class Visit:
    """The images that one visitor dropped, and the latest answers."""

    images: list[Dropped] = field(default_factory=list)
    answers: dict[tuple[int, int, str], Answer] = field(default_factory=dict)


@dataclass(frozen=True)
class Shown:
    """An image as the page shows it: for each network its look and table, and what can be laid over it."""

    looks: list[str]
    tables: list[str]
    layers: list[str]
    remark: str


@dataclass(frozen=True)
class Desk:
    """One or two viewers, and how large images may be; `folder` takes the files that are offered."""

    viewers: Sequence[Viewer]
    folder: Path
    limits: Limits = field(default_factory=Limits)

    def arrive(self, files: Sequence[str]) -> tuple[Visit, str]:
        """What was dropped, and what is wrong with the rest of it."""
        images, wrong = read_all([Path(file) for file in files], self.limits)
        return Visit(images), html.told(wrong)

    def show(self, visit: Visit, place: int, layer: str, tags: str) -> Shown:
        """One image as all see it; nothing, and why, if there is no answer."""
        if not visit.images:
            return self._nothing("")
        place = min(max(place, 0), len(visit.images) - 1)
        dropped = visit.images[place]
        try:
            answers = [self.answer(visit, number, place, tags) for number in range(len(self.viewers))]
        except ValueError as error:
            return self._nothing(html.told([str(error)]))
        looks = [
            html.look(dropped.image, answer, layer, f"{viewer.name}: {dropped.name}")
            for viewer, answer in zip(self.viewers, answers, strict=True)
        ]
        kinds = list(dict.fromkeys(kind for answer in answers for kind in html.layers(answer)))
        return Shown(looks, [html.table(answer) for answer in answers], kinds, _compared(answers))

    def answer(self, visit: Visit, number: int, place: int, tags: str) -> Answer:
        """Of one viewer to one image; remembered."""
        key = (number, place, tags)
        if key not in visit.answers:
            while len(visit.answers) >= KEPT:
                visit.answers.pop(next(iter(visit.answers)))
            dropped = visit.images[place]
            visit.answers[key] = self.viewers[number].answer(dropped.image, dropped.name, tags)
        return visit.answers[key]

    def dark(self, visit: Visit, place: int, stops: float, tags: str) -> list[str]:
        """For each viewer the image without so much of its light, and what is left of the answer."""
        if not visit.images:
            return ["" for _ in self.viewers]
        dropped = visit.images[place]
        image = stop_down(dropped.image, stops)
        drawn = []
        for number, viewer in enumerate(self.viewers):
            try:
                lit = self.answer(visit, number, place, tags)
                labels = viewer.labels(image, dropped.name, tags)
            except ValueError as error:
                drawn.append(html.told([str(error)]))
                continue
            left = html.left(agreement(lit.labels, labels, len(lit.classes)))
            drawn.append(html.masked(image, labels, lit.classes, f"{viewer.name}, {html.stops(stops)} less: {left}"))
        return drawn

    def fade(self, visit: Visit, place: int, tags: str) -> str:
        """The curve of what is left when ever more light is gone."""
        if not visit.images:
            return html.told(["drop an image first"])
        dropped = visit.images[place]
        try:
            curves = {
                viewer.name: darkness_curve.fading(
                    lambda image, viewer=viewer: viewer.labels(image, dropped.name, tags),  # type: ignore[misc]
                    dropped.image,
                    len(self.answer(visit, number, place, tags).classes),
                )
                for number, viewer in enumerate(self.viewers)
            }
        except ValueError as error:
            return html.told([str(error)])
        return html.fading(curves)

    def offer(self, visit: Visit, tags: str) -> tuple[list[str], str]:
        """Files of the first viewer's answers to all images; and what is wrong."""
        try:
            seen = [(dropped, self.answer(visit, 0, place, tags)) for place, dropped in enumerate(visit.images)]
            return [str(file) for file in downloads(seen, self.folder)], ""
        except ValueError as error:
            return [], html.told([str(error)])

    def _nothing(self, why: str) -> Shown:
        empty = ["" for _ in self.viewers]
        return Shown(empty, empty, [html.MASK, html.CONFIDENCE], why)


def _compared(answers: Sequence[Answer]) -> str:
    """How far two answers agree."""
    if len(answers) < 2:
        return ""
    both = agreement(answers[0].labels, answers[1].labels, len(answers[0].classes))
    said = f"The two agree on {100 * both.pixels:.1f} % of the pixels; mIoU {100 * both.miou:.1f} % between them."
    return html.told([said], wrong=False)
