"""Licences of weights, as far as they are stated: of known models, of known publishers, or in the folder's own card."""

from pathlib import Path

import yaml

from seglet import files
from seglet.models.backbones.published import NOT_STATED, hub_licence
from seglet.models.foundation.hub import parse_source
from seglet.models.foundation.known_models import known_model


def licence_of(source: str | Path) -> str:
    """Returns the licence of weights by short name, hub id or folder; `NOT_STATED` if it is not known here."""
    place, _ = parse_source(source)
    entry = known_model(place)
    if entry is not None:
        return entry.licence
    return hub_licence(place) or _licence_in_card(files.expand_home(place)) or NOT_STATED


def licence_note(source: str | Path) -> str:
    """Returns one line: the licence of weights, whether they have to be asked for, and what that means for masks."""
    place, _ = parse_source(source)
    entry = known_model(place)
    gated = "; for those who accepted it on the model's page of the hub" if entry is not None and entry.gated else ""
    name = place if entry is None or entry.name == place or not entry.id else f"{place} ({entry.name})"
    return f"licence of {name}: {licence_of(source)}{gated}; it may also bind what is made with the masks"


def _licence_in_card(folder: Path) -> str:
    """Returns the licence in the head of a folder's README.md, as the hub's cards have it; empty without one."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        head = yaml.safe_load(text.split("---", 2)[1]) if text.startswith("---") else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, IndexError):
        return ""
    if not isinstance(head, dict):
        return ""
    stated = head.get("license_name") if head.get("license") == "other" else head.get("license")
    return str(stated) if stated else ""
