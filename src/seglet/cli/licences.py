"""Licences of installed dependencies and of known weights, as their authors state them."""

import re
from dataclasses import dataclass
from importlib import metadata

_NOT_STATED = "not stated"
_LONGEST = 60
"""Letters of a licence's name; some packages put the whole text there."""


@dataclass(frozen=True)
class Licence:
    """Licence of a package or of weights; `version` is empty for weights."""

    name: str
    licence: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name + (f' {self.version}' if self.version else ''):<44} {self.licence}"


def package_licences(root: str = "seglet") -> list[Licence]:
    """Returns the licences of a package and of all installed packages that it needs, extras included, by name."""
    found: dict[str, Licence] = {}
    waiting = [root]
    while waiting:
        name = _plain(waiting.pop())
        if name in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = Licence(name, stated_licence(package), package.version)
        for line in package.requires or []:
            if name == _plain(root) or "extra ==" not in line:  # extras of others were not asked for
                waiting.append(re.split(r"[^\w.-]", line, maxsplit=1)[0])
    return [found[name] for name in sorted(found)]


def stated_licence(package: metadata.Distribution) -> str:
    """Returns the licence that a package's metadata state: an expression, else classifiers, else the first line."""
    about = package.metadata
    fields = {key.lower(): about.get_all(key) or [] for key in ("License-Expression", "Classifier", "License")}
    classes = [text.rsplit(" :: ", 1)[-1] for text in fields["classifier"] if text.startswith("License ::")]
    lines = [line.strip() for text in fields["license"] for line in str(text).strip().splitlines()[:1]]
    stated = next((part for part in (fields["license-expression"], classes, lines) if part), [])
    text = ", ".join(map(str, stated))[:_LONGEST]
    return _NOT_STATED if text in ("", "UNKNOWN") else text


def weight_licences() -> list[Licence]:
    """Returns the licences of the models that seglet knows by short names, those that come with it included."""
    from seglet.models.foundation.known_models import KNOWN_MODELS

    return [Licence(f"{model.name} ({model.id or 'bundled'})", model.licence) for model in KNOWN_MODELS]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
