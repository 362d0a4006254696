"""Safe YAML loader that refuses repeated keys, of which YAML keeps the last in silence."""

from collections.abc import Hashable
from typing import Any

import yaml

from seglet.data.errors import DataError
from seglet.plain_yaml import PlainLoader


class DistinctKeysLoader(PlainLoader):
    """Loads plain values alone and raises `DataError` where a key is repeated."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Returns the mapping of a node whose keys are distinct."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise DataError(f"{twice[0]!r} is listed twice; keep one of them")
        return super().construct_mapping(node, deep)
