"""URLs on the command line: inputs are copied to this machine, outputs are published after the command."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from seglet.stores import is_url

_OUTPUTS = ("--out", "--columns")
"""Options whose folder or file is published at its URL."""
_OPENED_BY_URL = ("--data",)
"""Options whose URL is read where it is, in parts."""
_READS_URLS = ("data check",)
"""Commands whose arguments stay URLs."""


@contextmanager
def local_words(command: str, words: Sequence[str]) -> Iterator[list[str]]:
    """Yields the words of a command with local paths in place of URLs, and publishes its outputs after the block.

    Raises:
        DataError: a URL cannot be read or written.
    """
    if not any(is_url(word.rpartition("=")[2]) for word in words):
        yield list(words)
        return
    from seglet.stores.mirror import local_folder, published

    with ExitStack() as outputs:
        local: list[str] = []
        option = ""
        for word in words:
            name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
            option = name or option
            if is_url(value) and option in _OUTPUTS:
                value = str(outputs.enter_context(published(value)))
            elif is_url(value) and option not in _OPENED_BY_URL and command not in _READS_URLS:
                value = str(local_folder(value))
            local.append(f"{name}{equals}{value}" if equals or not name else word)
            option = "" if not word.startswith("--") or equals else word
        yield local
