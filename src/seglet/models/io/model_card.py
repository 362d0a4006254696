"""The page that goes with a published Segmenter: what it does, what it learned from, how well, under which licences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from seglet._version import __version__
from seglet.models.architecture import Architecture
from seglet.types import Classes

CODE_LICENCE = "Apache-2.0"
NOT_STATED = "not stated"
SHOWN = 60
"""Classes named in full; the rest are in config.json."""


@dataclass(frozen=True)
class Part:
    """Something a network was made with, or of, and its licence."""

    name: str
    licence: str = NOT_STATED


@dataclass(frozen=True)
class Story:
    """How a Segmenter came about; what is not known stays empty, and the card says so.

    `scores` are fractions by name, `scored_on` the images they are of. `parts` are data, pretrained weights and
    everything else whose licence may matter.
    """

    name: str = "segmenter"
    method: str = ""
    data: str = ""
    scored_on: str = ""
    licence: str = ""
    parts: tuple[Part, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    commit: str = ""


def model_card(architecture: Architecture, classes: Classes, parameters: int, story: Story) -> str:
    """Markdown, with the hub's own facts in front."""
    parts = [
        f"# {_plain(story.name)}",
        "",
        *_what(architecture, classes, parameters, story),
        "",
        "## Use",
        "",
        *_use(story),
    ]
    parts += ["", "## Scores", "", *_scores(story), "", "## Licences", "", *_licences(story)]
    if story.command:
        made = f", at commit `{_code(story.commit)}`" if story.commit else ""
        parts += ["", "## How it was made", "", f"`{_code(story.command)}`{made}, seglet {__version__}."]
    return f"---\n{_front(story)}---\n\n" + "\n".join(parts) + "\n"


def _front(story: Story) -> str:
    """The licence is the hub's `other` unless it was named: a wrong one would be worse than none."""
    values: dict[str, object] = {
        "library_name": "seglet",
        "pipeline_tag": "image-segmentation",
        "tags": ["seglet", "semantic-segmentation", *([story.method] if story.method else [])],
        "license": story.licence.lower() if story.licence else "other",
    }
    if story.scores:
        metrics = [{"type": name, "value": round(value, 6)} for name, value in story.scores.items()]
        data = {"name": story.scored_on or "not stated", "type": "other"}
        result = {"task": {"type": "image-segmentation"}, "dataset": data, "metrics": metrics}
        values["model-index"] = [{"name": story.name, "results": [result]}]
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _what(architecture: Architecture, classes: Classes, parameters: int, story: Story) -> list[str]:
    method = f", trained with seglet's method `{_code(story.method)}`" if story.method else ""
    data = f" It learned from {_plain(story.data)}." if story.data else " What it learned from is not stated."
    named = ", ".join(map(_plain, classes.names[:SHOWN]))
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    return [
        f"Gives every pixel of an image one of {len(classes)} classes: `{architecture.name}`, {parameters / 1e6:.2f} "
        f"million parameters{method}.{data}",
        "",
        f"Classes: {named}{more}.",
    ]


def _use(story: Story) -> list[str]:
    name = _code(story.name if "/" in story.name else f"owner/{story.name}")
    code = [
        "import seglet",
        "",
        f"model = seglet.load({name!r})",
        "labels = model.predict(image).labels  # a PIL image",
    ]
    return ["```python", *code, "```"]


def _scores(story: Story) -> list[str]:
    if not story.scores:
        return ["None are stated."]
    where = f" on {_plain(story.scored_on)}" if story.scored_on else ""
    rows = [f"| {_plain(name)} | {100 * value:.2f} |" for name, value in story.scores.items()]
    return [f"In percent{where}.", "", "| | % |", "|---|---|", *rows]


def _licences(story: Story) -> list[str]:
    parts = [Part("these weights", story.licence or NOT_STATED), *story.parts, Part("seglet's code", CODE_LICENCE)]
    rows = [f"| {_plain(part.name)} | {_plain(part.licence)} |" for part in parts]
    return ["| part | licence |", "|---|---|", *rows, "", "Whoever uses these weights has to observe all of them."]


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    shown = "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in " ".join(text.split()))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """Text for between backquotes."""
    return " ".join(text.split()).replace("`", "'")
