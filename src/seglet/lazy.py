"""Lazy exports: a package names its public objects, and each is imported when it is first used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns `__getattr__` and `__dir__` for a package whose names live in the modules that `homes` maps them to.

    A package keeps static imports of the same names under `TYPE_CHECKING`, so that editors and type checkers see them,
    and lists them in `__all__`. A name must not be that of a module of the package, which would hide it once imported,
    unless it stands for that module: its home is then the module itself.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in homes:
            raise AttributeError(f"{package} has no {name!r}; it has {', '.join(sorted(homes))}")
        module = importlib.import_module(homes[name])
        return module if homes[name] == f"{package}.{name}" else getattr(module, name)

    def __dir__() -> list[str]:  # noqa: N807
        return sorted(homes)

    return __getattr__, __dir__
