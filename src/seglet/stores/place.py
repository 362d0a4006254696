"""The interface of a folder of files, wherever it is."""

from abc import ABC, abstractmethod


class Place(ABC):
    """A folder whose files are read by name, relative to it with `/` between folders; on disk or in an object store.

    `name` is the path or URL of the folder, as messages show it.
    """

    name: str

    @abstractmethod
    def names(self) -> list[str]:
        """Returns the names of all files in the folder and below it, sorted."""

    @abstractmethod
    def exists(self, name: str) -> bool:
        """True if there is such a file."""

    @abstractmethod
    def size(self, name: str) -> int:
        """Returns the bytes of a file.

        Raises:
            DataError: there is no such file.
        """

    @abstractmethod
    def read(self, name: str, offset: int = 0, size: int | None = None) -> bytes:
        """Reads `size` bytes from `offset` on, or all that follow; never fewer than were asked for.

        Raises:
            DataError: there is no such file, it cannot be read, or it ends before.
        """

    def shown(self, name: str) -> str:
        """Returns the full path or URL of a file, for messages."""
        return f"{self.name}/{name}"
