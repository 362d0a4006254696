"""The experiments that come with seglet: the files of `configs/`, which an installation has within the package."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from seglet.engine.experiment_file import read_yaml, select_row
from seglet.values import ConfigError


def preset_folder() -> Path:
    """Returns the folder of the experiment files that come with seglet: in the package, or beside its source.

    Raises:
        ConfigError: this installation has none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "configs", package.parents[1] / "configs"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"the experiment files that come with seglet are not in {package / 'configs'}; install it again")


def read_presets(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns the keys of shipped experiments by name, `fotf/voc` or `fotf/voc#pspnet-kd`; reads each file once.

    Raises:
        ConfigError: there is no such experiment.
    """
    folder = preset_folder()
    files: dict[str, dict[str, Any]] = {}
    found = {}
    for name in names:
        stem, _, row = name.partition("#")
        file = folder / f"{stem}.yaml"
        if stem not in files:
            files[stem] = read_yaml(file)
        found[name] = dict(select_row(files[stem], file, row or None).values)
    return found
