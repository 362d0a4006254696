"""Methods by name: seglet's own, those of installed packages, those of any module."""

import importlib
import pkgutil
from dataclasses import dataclass, is_dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seglet.values import ConfigError, did_you_mean

if TYPE_CHECKING:
    from seglet.methods.base import Method

_GROUP = "seglet.methods"
"""Group of entry points, and the package of seglet's own methods."""


@dataclass(frozen=True)
class LoadedMethod:
    """A method's class and the dataclass of its config, under the name that experiments keep."""

    name: str
    Method: "type[Method[Any]]"
    Config: type


def method_names() -> list[str]:
    """Returns the names of seglet's own methods: the folders of this package, with hyphens for underscores."""
    folders = importlib.import_module(_GROUP).__path__
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(folders) if module.ispkg)


def method_folder(name: str) -> str:
    """Returns the folder of one of seglet's own methods: `clip_es` for `clip-es`."""
    return name.replace("-", "_")


def plugin_names() -> list[str]:
    """Returns the names of the methods that installed packages add by entry points."""
    return sorted(_plugins().keys() - set(method_names()))


def is_method_name(name: str) -> bool:
    """Returns True for the name of a method or an import path; an import path is not tried."""
    return name in method_names() or name in _plugins() or _is_import_path(name)


def load_method(name: "str | type[Method[Any]]") -> LoadedMethod:
    """Loads one of seglet's methods, that of an import path or that of an entry point; or takes the class itself.

    Raises:
        ConfigError: there is no such method, or it is not made as a method must be; the message says what to do.
    """
    if isinstance(name, type):
        return _from_class(name, _import_path(name))
    if name in method_names():
        package = importlib.import_module(f"{_GROUP}.{method_folder(name)}")
        return LoadedMethod(name, package.Method, package.Config)
    if _is_import_path(name):
        return _from_object(_imported(name), name)
    if (point := _plugins().get(name)) is not None:
        return _from_object(_loaded(point), name)
    names, plugins = method_names(), plugin_names()
    added = f"installed packages add {', '.join(plugins)}" if plugins else "no installed package adds any"
    raise ConfigError(
        f"no method {name!r}{did_you_mean(name, [*names, *plugins]) or '.'} There are: {', '.join(names)}; {added} "
        f"(entry points {_GROUP!r}). A class of your own is package.module:Class"
    )


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=_GROUP)}


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        where = f" of {point.dist.name}" if point.dist else ""
        raise ConfigError(f"method {point.name!r}{where} cannot be imported from {point.value!r}: {error}") from error


def _is_import_path(name: str) -> bool:
    module, colon, attribute = name.partition(":")
    return bool(colon and attribute) and all(part.isidentifier() for part in module.split("."))


def _imported(path: str) -> Any:
    module, _, attributes = path.partition(":")
    if "<locals>" in attributes or module == "__main__":
        value = getattr(importlib.import_module("__main__"), attributes, None) if module == "__main__" else None
        if value is None:
            raise ConfigError(
                f"method {path!r} was defined in a function, script or notebook, where it cannot be found again; "
                "pass its class to train, or move it to a module of its own"
            )
        return value
    try:
        value = importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"method {path!r}: {error}; install the package it is in, or put its folder on PYTHONPATH"
        ) from error
    for attribute in attributes.split("."):
        value = getattr(value, attribute, None)
    if value is None:
        raise ConfigError(f"method {path!r}: {module} has no {attributes}")
    return value


def _from_object(value: Any, name: str) -> LoadedMethod:
    """Takes a method's class, or a package that exports `Config` and `Method`."""
    if not isinstance(value, ModuleType):
        return _from_class(value, name)
    lacking = [part for part in ("Config", "Method") if not hasattr(value, part)]
    if lacking:
        raise ConfigError(f"method {name!r}: {value.__name__} exports no {' and no '.join(lacking)}")
    return _checked(LoadedMethod(name, value.Method, value.Config))


def _from_class(kind: Any, name: str) -> LoadedMethod:
    package, _, folder = getattr(kind, "__module__", "").rpartition(".")[0].rpartition(".")
    own = folder.replace("_", "-")
    if package == _GROUP and own in method_names() and (known := load_method(own)).Method is kind:
        return known
    return _checked(LoadedMethod(name, kind, getattr(kind, "config_class", object)))


def _checked(loaded: LoadedMethod) -> LoadedMethod:
    from seglet.methods.base import Method

    if not (isinstance(loaded.Method, type) and issubclass(loaded.Method, Method)):
        raise ConfigError(f"method {loaded.name!r} is no class that derives from seglet.methods.base.Method")
    if not (isinstance(loaded.Config, type) and is_dataclass(loaded.Config)):
        raise ConfigError(
            f"method {loaded.name!r} has no config; set `config_class` of {loaded.Method.__name__} to a dataclass"
        )
    return loaded


def _import_path(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"
