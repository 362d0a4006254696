"""Finds a pretrained model by short name, hub id or folder. Nothing executable is ever loaded."""

import hashlib
import re
import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet import files
from seglet.models.foundation.known_models import KNOWN_MODELS, ModelKind, installed_model, known_model
from seglet.models.foundation.loading import import_library
from seglet.models.foundation.model_folder import (
    DESCRIPTION_PATTERNS,
    ModelLayout,
    check_kind,
    check_model_folder,
    lacks_weights,
    single_file_cure,
    weight_files,
)
from seglet.models.foundation.pickled_weights import copy_as_safetensors, pickled_layout
from seglet.models.io.locate import bundled_model
from seglet.values import nearest_names

HUB_PREFIX = "hf:"
"""Begins the name of a model in transformers' layout: an id of the hub or a folder follows."""

_COMMIT_FOLDER = re.compile(r"/snapshots/([0-9a-f]{40})/")


@dataclass(frozen=True)
class ModelFiles:
    """A complete model on disk; `repository` and `commit` are empty for a folder of the user's own."""

    folder: Path
    layout: ModelLayout
    description: dict[str, Any]
    repository: str = ""
    commit: str = ""

    def identity(self) -> str:
        """Returns an identifier of the content, wherever it lies: id@commit, or a hash of descriptions and weights."""
        if self.repository:
            return f"{self.repository}@{self.commit}"
        weights = [path for stem in self.layout.weights for path in weight_files(self.folder, stem)]
        folders = {path.parent for path in [*weights, *(self.folder / name for name in self.layout.files)]}
        texts = [
            path for folder in {self.folder, *folders} for kind in DESCRIPTION_PATTERNS for path in folder.glob(kind)
        ]
        names = {path.relative_to(self.folder).as_posix(): path for path in {*weights, *texts}}
        lines = [f"{name} {files.remembered_sha256(path)}\n" for name, path in names.items()]
        return f"sha256:{hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest()}"


def parse_source(source: str | Path) -> tuple[str, str | None]:
    """Splits `hf:OWNER/NAME@REVISION` into id and revision; both ends may be missing, and a folder has no revision."""
    place = str(source).removeprefix(HUB_PREFIX)
    if files.expand_home(place).is_dir():
        return place, None
    name, _, revision = place.partition("@")
    return name, revision or None


def find_model(
    source: str | Path, kind: ModelKind, layout: ModelLayout, revision: str | None = None, offline: bool = False
) -> ModelFiles:
    """Finds the folder of a model, downloads it if necessary, and checks it.

    Args:
        source: a folder, an id of the hub (owner/name), or a short name of `KNOWN_MODELS`; `@REVISION` may follow.
        revision: branch, tag or commit; for ids only, and then no mirror stands in for the id.
        offline: use only what was downloaded before, as the variable HF_HUB_OFFLINE=1 does everywhere.

    A model on the hub that has pickles only is copied to the user's cache, its tensors as safetensors.

    Raises:
        ValueError: it is not available, incomplete, or of another kind; the message names the cure.
    """
    folder, repository = locate_model(source, kind, layout, revision, offline)
    commit = folder.name if repository else ""
    if repository and lacks_weights(folder, layout):
        check_kind(folder, layout)
        folder = _from_pickles(folder, repository, layout, offline)
    return ModelFiles(folder, layout, check_model_folder(folder, layout), repository, commit)


def _from_pickles(folder: Path, repository: str, layout: ModelLayout, offline: bool) -> Path:
    """Returns a copy of a downloaded model with safetensors; the folder itself if the model has no pickles either."""
    copy = files.user_cache_folder() / "models" / f"{repository.replace('/', '--')}-{folder.name}"
    if copy.is_dir():
        return copy
    pickled = pickled_layout(layout)
    place = _download(repository, pickled, folder.name, offline)
    if lacks_weights(place, pickled):
        return folder
    copy_as_safetensors(place, layout, copy)
    warnings.warn(
        f"{repository} has pickles only: their tensors, and nothing else, were copied to {copy}", stacklevel=5
    )
    return copy


def locate_model(
    source: str | Path, kind: ModelKind, layout: ModelLayout, revision: str | None = None, offline: bool = False
) -> tuple[Path, str]:
    """Returns the folder of a model without checking it, and the id of its repository if it comes from the hub.

    Raises:
        ValueError: it is not available, or known to be of another kind.
    """
    folder = files.expand_home(source)
    name, _, pinned = str(source).partition("@")
    if not folder.exists() and pinned and revision is None:
        folder, revision = files.expand_home(name), pinned
    if folder.is_dir():
        if revision is not None:
            raise ValueError(f"{folder} is a folder and has no revision {revision!r}; leave the revision out")
        return folder, ""
    if folder.is_file():
        raise ValueError(f"{folder} is a single file; expected the folder or id of {layout.what}. If it is a Stable "
                         f"Diffusion, {single_file_cure(folder)}")  # fmt: skip
    entry = known_model(name)
    if entry is None and (name.count("/") != 1 or name.startswith((".", "/", "~")) or folder.exists()):
        raise ValueError(f"{name!r} is no folder and no id of the hub (owner/name); {_choices(name, kind)}")
    wanted = (kind, "clip") if kind in ("encoder", "text") else (kind,)  # its image and text towers are such
    if entry is not None and entry.kind not in wanted:
        raise ValueError(f"{name!r} is {entry.about}, not {layout.what}; {_choices(name, kind)}")
    if (own := bundled_model(name)) is not None:
        if revision is not None:
            raise ValueError(f"{name} comes with seglet and has no revision {revision!r}; leave the revision out")
        return own, ""
    if entry is not None and name == entry.name and revision is None and (own := installed_model(entry)) is not None:
        return own, ""
    first = entry.id if entry is not None and name == entry.name else name
    homes = [first, *(home for home in (entry.homes if entry else ()) if home != first and revision is None)]
    return _first_home(homes, layout, revision, offline)


def exact_source(source: str, layout: ModelLayout) -> str:
    """Returns a name of a model of the hub with its commit, owner/name@commit, if it is among earlier downloads.

    Otherwise it is the id, with the revision if the source names one. The hub is not asked.
    """
    name, _, revision = source.partition("@")
    entry = known_model(name)
    homes = [name] if entry is None or revision else list(entry.homes)
    for home in homes:
        found = find_present_file(f"{home}@{revision}" if revision else home, layout.description)
        if found is not None and (commit := _COMMIT_FOLDER.search(found.as_posix())):
            return f"{home}@{commit[1]}"
    return f"{homes[0]}@{revision}" if revision else homes[0]


def find_present_file(source: str, name: str) -> Path | None:
    """Returns a file of a model that is on this machine, in a folder or by an earlier download; None if it is not.

    Args:
        source: a folder or an id of the hub, see `parse_source`.
        name: path of the file within the model.
    """
    place, revision = parse_source(source)
    file = files.expand_home(place) / name
    if not file.parent.is_dir():
        try:
            found = import_library("huggingface_hub").try_to_load_from_cache(place, name, revision=revision)
        except ValueError:
            return None
        file = Path(found) if isinstance(found, str) else file
    return file if file.is_file() else None


def read_present_description(source: str) -> dict[str, Any] | None:
    """Reads a model's `config.json` where that costs nothing; None where it is not here or cannot be read.

    Args:
        source: a folder or an id of the hub, see `parse_source`.
    """
    file = find_present_file(source, "config.json")
    try:
        values = None if file is None else files.read_json(file)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _choices(name: str, kind: ModelKind) -> str:
    names = [entry.name for entry in KNOWN_MODELS if entry.kind == kind]
    if not names:
        return "check the path or the id"
    near = nearest_names(name, names)
    return f"check the path, or choose a known one: {', '.join(near or names)}"


def _first_home(homes: list[str], layout: ModelLayout, revision: str | None, offline: bool) -> tuple[Path, str]:
    refusals: list[str] = []
    for home in homes:
        try:
            folder = _download(home, layout, revision, offline)
        except ValueError as error:
            refusals.append(str(error))
            continue
        if home != homes[0]:
            warnings.warn(f"{homes[0]} is not available; its mirror {home} is used", stacklevel=5)
        return folder, home
    raise ValueError(f"there is no folder {homes[0]}; " + "\n".join(refusals))


def _download(repository: str, layout: ModelLayout, revision: str | None, offline: bool) -> Path:
    """Downloads a model, or takes it from earlier downloads.

    Raises:
        ValueError: the hub, or without it the folder of earlier downloads, does not have it.
    """
    hub, errors = import_library("huggingface_hub"), import_library("huggingface_hub.errors")
    try:
        return Path(
            hub.snapshot_download(
                repository, revision=revision, allow_patterns=layout.patterns, local_files_only=offline
            )
        )
    except errors.IncompleteSnapshotError as error:
        why = f"{repository} is only half downloaded, and the hub is not asked (offline) or not reached"
        raise ValueError(f"{why}; run {_fetch(repository, layout, revision)}") from error
    except errors.LocalEntryNotFoundError as error:
        raise ValueError(_absent(repository, layout, revision)) from error
    except errors.RevisionNotFoundError as error:
        why = f"{repository} has no revision {revision!r}; give a branch, tag or commit of its page on the hub, or none"
        raise ValueError(why) from error
    except errors.RepositoryNotFoundError as error:
        why = f"the hub has no model {repository}, or keeps it for those who accepted its licence there"
        raise ValueError(f"{why}; check the id, run `hf auth login`, or give a folder") from error
    except Exception as error:  # the hub's errors share no base class
        raise ValueError(f"{repository} could not be downloaded ({error}); try again, or give a folder") from error


def _fetch(repository: str, layout: ModelLayout, revision: str | None) -> str:
    words = ["hf", "download", repository, *(["--revision", revision] if revision else [])]
    for pattern in layout.patterns:
        words += ["--include", pattern]
    return f"`{shlex.join(words)}` with a network and without HF_HUB_OFFLINE"


def _absent(repository: str, layout: ModelLayout, revision: str | None) -> str:
    """Explains why a model is not among earlier downloads, when the hub is offline or unreachable."""
    cache = Path(import_library("huggingface_hub.constants").HF_HUB_CACHE)
    place = cache / f"models--{repository.replace('/', '--')}"
    refs, snapshots = place / "refs", place / "snapshots"
    there = [path.relative_to(refs).as_posix() for path in refs.rglob("*") if path.is_file()]
    there += [path.name for path in snapshots.glob("*")]
    cure = f"run {_fetch(repository, layout, revision)}, or give a folder"
    if revision is not None and there:
        return f"{repository} is on this machine without revision {revision!r}, only {', '.join(there)}; {cure}"
    return f"{repository} was not downloaded before, and the hub is not asked (offline) or not reached; {cure}"
