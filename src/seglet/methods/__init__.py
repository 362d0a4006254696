"""Papers. A folder here is a method by its name; it exports exactly `Config` and `Method`."""

import importlib
import pkgutil
from types import ModuleType

from seglet.values import did_you_mean


def method_names() -> list[str]:
    """Names of the methods."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def load_method(name: str) -> ModuleType:
    """The package of one method.

    Raises:
        ValueError: no such method; the message names the nearest and lists all.
    """
    names = method_names()
    if name not in names:
        raise ValueError(f"no method {name!r}{did_you_mean(name, names) or '.'} There are: {', '.join(names)}")
    return importlib.import_module(f"{__name__}.{name}")
