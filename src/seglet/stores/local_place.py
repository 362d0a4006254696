"""A folder on this machine."""

from pathlib import Path

from seglet.files import DataError, path_below
from seglet.stores.place import Place


class LocalPlace(Place):
    """A folder on disk; names that lead out of it are refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = str(folder)

    def names(self) -> list[str]:
        """Returns the names of all files below the folder that are not hidden."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        names = (path.relative_to(self.folder).as_posix() for path in found)
        return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))

    def exists(self, name: str) -> bool:
        """True if there is such a file."""
        return path_below(self.folder, name).is_file()

    def size(self, name: str) -> int:
        """Returns the bytes of a file."""
        try:
            return path_below(self.folder, name).stat().st_size
        except OSError as error:
            raise self._unreadable(name, error) from error

    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """Reads a part of a file."""
        try:
            with path_below(self.folder, name).open("rb") as file:
                file.seek(offset)
                content = file.read() if size is None else file.read(size)
        except OSError as error:
            raise self._unreadable(name, error) from error
        if size is not None and len(content) != size:
            raise DataError(
                f"{self.shown(name)!r} is cut short: {size} bytes from {offset} on were expected, {len(content)} are "
                "there; copy it again"
            )
        return content

    def _unreadable(self, name: str, error: OSError) -> DataError:
        if isinstance(error, FileNotFoundError):
            return DataError(f"{self.shown(name)!r} does not exist; restore it or run `seglet data check` again")
        return DataError(f"{self.shown(name)!r} cannot be read ({error.strerror}); check its permissions")
