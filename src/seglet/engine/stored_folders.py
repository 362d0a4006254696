"""Folders of artefacts and intermediate results that are stored beside the columns: their use and size."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seglet.data.artefact import stored_artefacts
from seglet.data.columns.store import stored_columns
from seglet.data.dataset import Dataset
from seglet.engine.artefacts import StoredArtefact, artefacts_made_otherwise

_KEYED = re.compile(r".+-[0-9a-f]{16}")


@dataclass(frozen=True)
class StoredFolder:
    """A stored folder; `use` says what it is for, and `stale` if the experiment uses another one in its place."""

    folder: Path
    use: str
    made_by: str = ""
    stale: bool = False

    @property
    def files(self) -> list[Path]:
        """All files in it."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        return sum(path.stat().st_size for path in self.files)

    def as_dict(self) -> dict[str, Any]:
        """Returns the name, use and size as plain JSON."""
        return {"folder": self.folder.name, "use": self.use, "files": len(self.files), "bytes": self.bytes}


def stored_folders(root: Path, data: Dataset, wanted: Sequence[StoredArtefact]) -> list[StoredFolder]:
    """Returns the artefacts in `root`, and intermediate results of artefacts, by name; `wanted` are those needed."""
    artefacts = stored_artefacts(root)
    needed = {kept.folder for kept in wanted}
    otherwise = {folder: texts for kept in wanted for folder, texts in artefacts_made_otherwise(kept, data).items()}
    found = []
    for folder, about in artefacts.items():
        texts = otherwise.get(folder, [])
        use = f"made otherwise: {', '.join(texts)}" if texts else "not of this experiment"
        by = f"{about.get('maker', 'unknown')}, weights {about.get('identity') or 'none'}"
        found.append(StoredFolder(folder, "needed" if folder in needed else use, by, bool(texts)))
    return [*found, *_intermediate_folders(root, wanted, set(artefacts))]


def _intermediate_folders(root: Path, wanted: Sequence[StoredArtefact], others: set[Path]) -> list[StoredFolder]:
    users = {folder: kept.artefact.name for kept in wanted for folder in kept.artefact.kept_folders(root)}
    stems = {folder.name.rpartition("-")[0] for folder in users}
    others = others | {store.folder for store in stored_columns(root)}
    found = []
    for folder in sorted(root.glob("[!.]*-*")):
        if folder in others or not folder.is_dir() or not _KEYED.fullmatch(folder.name):
            continue
        if folder in users:
            found.append(StoredFolder(folder, f"needed for {users[folder]}"))
        else:
            stale = folder.name.rpartition("-")[0] in stems
            found.append(StoredFolder(folder, "made otherwise" if stale else "not of this experiment", stale=stale))
    return found
