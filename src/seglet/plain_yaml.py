"""YAML of plain values that says what it seems to say: no bombs, no surprises of YAML 1.1."""

import re
from typing import Any

import yaml

_DEEPEST = 50
_MOST_ALIASES = 100
_SURPRISING = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+)")
"""Whole numbers that YAML 1.1 reads in base 8 (010 is 8) or 60 (1:30 is 90)."""


class PlainLoader(yaml.SafeLoader):
    """Loads plain values alone; refuses what takes more memory than its text, and numbers that mean others.

    Aliases (`*name`) may repeat a value, a hundred times at most, but not a value that has aliases itself: nested ones
    make gigabytes out of 400 bytes.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = self._anchored = self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Returns the next node.

        Raises:
            ConstructorError: it is nested too deeply, or an alias where none may be.
        """
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._aliases += 1
            if self._anchored or self._aliases > _MOST_ALIASES:
                raise _refused("aliases within anchored values, or too many of them; write the value out", event)
        anchored = not isinstance(event, yaml.AliasEvent) and getattr(event, "anchor", None) is not None
        self._depth, self._anchored = self._depth + 1, self._anchored + anchored
        if self._depth > _DEEPEST:
            raise _refused(f"values nested deeper than {_DEEPEST} levels", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth, self._anchored = self._depth - 1, self._anchored - anchored
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Returns a whole number.

        Raises:
            ConstructorError: YAML 1.1 would read another number than is written.
        """
        if _SURPRISING.fullmatch(str(node.value)) and str(node.value).strip("+-0_"):
            raise _refused(f"{node.value}, which YAML reads in base 8 or 60; write the number without 0 or :", node)
        number: int = super().construct_yaml_int(node)
        return number


PlainLoader.add_constructor("tag:yaml.org,2002:int", PlainLoader.construct_yaml_int)


def _refused(what: str, place: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, f"it has {what}", place.start_mark)
