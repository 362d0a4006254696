"""Model cards: what a published segmenter does, what it learned from, its scores and licences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from seglet._version import __version__
from seglet.models.architecture import Architecture
from seglet.types import Classes

_CODE_LICENCE = "Apache-2.0"
LICENCE_NOT_STATED = "not stated"
_SHOWN = 60
"""Number of classes named in full; the rest are in config.json."""


@dataclass(frozen=True)
class LicensedPart:
    """Something that a network was made with or of, and its licence."""

    name: str
    licence: str = LICENCE_NOT_STATED


@dataclass(frozen=True)
class Provenance:
    """Origin of a segmenter. What is not known stays empty, and the card says so.

    `scores` are fractions by name, `scored_on` the images they are of. `parts` are data, pretrained weights and
    everything else whose licence may matter.
    """

    name: str = "segmenter"
    method: str = ""
    data: str = ""
    scored_on: str = ""
    licence: str = ""
    parts: tuple[LicensedPart, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    commit: str = ""


def model_card(architecture: Architecture, classes: Classes, parameters: int, provenance: Provenance) -> str:
    """Returns the model card as Markdown, with the hub's metadata in front."""
    parts = [
        f"# {_plain(provenance.name)}",
        "",
        *_what(architecture, classes, parameters, provenance),
        "",
        "## Use",
        "",
        *_use(provenance),
    ]
    parts += ["", "## Scores", "", *_scores(provenance), "", "## Licences", "", *_licences(provenance)]
    if provenance.command:
        made = f", at commit `{_code(provenance.commit)}`" if provenance.commit else ""
        parts += ["", "## How it was made", "", f"`{_code(provenance.command)}`{made}, seglet {__version__}."]
    return f"---\n{_front(provenance)}---\n\n" + "\n".join(parts) + "\n"


def _front(provenance: Provenance) -> str:
    """Returns the hub's metadata; the licence is `other` unless it was named, as a wrong one would be worse."""
    values: dict[str, object] = {
        "library_name": "seglet",
        "pipeline_tag": "image-segmentation",
        "tags": ["seglet", "semantic-segmentation", *([provenance.method] if provenance.method else [])],
        "license": provenance.licence.lower() if provenance.licence else "other",
    }
    if provenance.scores:
        metrics = [{"type": name, "value": round(value, 6)} for name, value in provenance.scores.items()]
        data = {"name": provenance.scored_on or "not stated", "type": "other"}
        result = {"task": {"type": "image-segmentation"}, "dataset": data, "metrics": metrics}
        values["model-index"] = [{"name": provenance.name, "results": [result]}]
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _what(architecture: Architecture, classes: Classes, parameters: int, provenance: Provenance) -> list[str]:
    method = f", trained with seglet's method `{_code(provenance.method)}`" if provenance.method else ""
    data = f" It learned from {_plain(provenance.data)}." if provenance.data else " What it learned from is not stated."
    named = ", ".join(map(_plain, classes.names[:_SHOWN]))
    more = f" and {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
    return [
        f"Gives every pixel of an image one of {len(classes)} classes: `{architecture.name}`, {parameters / 1e6:.2f} "
        f"million parameters{method}.{data}",
        "",
        f"Classes: {named}{more}.",
    ]


def _use(provenance: Provenance) -> list[str]:
    name = _code(provenance.name if "/" in provenance.name else f"owner/{provenance.name}")
    code = [
        "import seglet",
        "",
        f"model = seglet.load({name!r})",
        "labels = model.predict(image).labels  # a PIL image",
    ]
    return ["```python", *code, "```"]


def _scores(provenance: Provenance) -> list[str]:
    if not provenance.scores:
        return ["None are stated."]
    where = f" on {_plain(provenance.scored_on)}" if provenance.scored_on else ""
    rows = [f"| {_plain(name)} | {100 * value:.2f} |" for name, value in provenance.scores.items()]
    return [f"In percent{where}.", "", "| | % |", "|---|---|", *rows]


def _licences(provenance: Provenance) -> list[str]:
    parts = [
        LicensedPart("these weights", provenance.licence or LICENCE_NOT_STATED),
        *provenance.parts,
        LicensedPart("seglet's code", _CODE_LICENCE),
    ]
    rows = [f"| {_plain(part.name)} | {_plain(part.licence)} |" for part in parts]
    return ["| part | licence |", "|---|---|", *rows, "", "Whoever uses these weights has to observe all of them."]


def _plain(text: str) -> str:
    """Escapes text for Markdown and HTML and puts it on one line."""
    shown = "".join(f"\\{letter}" if letter in "\\`*_[]|#!~" else letter for letter in " ".join(text.split()))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """Prepares text for use between backquotes."""
    return " ".join(text.split()).replace("`", "'")
