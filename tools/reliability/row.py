"""One fault of the scorecard."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A fault, how often it was tried, how often it was held, what was compared and, if not all held, what failed.

    `system` is whom it was injected into: seglet, or a script beside it.
    """

    fault: str
    tried: int
    held: int
    evidence: str
    system: str = "seglet"


def tally(fault: str, evidence: str, trials: Iterable[tuple[str, bool]]) -> Row:
    """Counts named trials that held; the first names of those that did not join the evidence."""
    every = list(trials)
    failed = [name for name, held in every if not held]
    more = f"; not held: {', '.join(failed[:5])}" if failed else ""
    return Row(fault, len(every), len(every) - len(failed), evidence + more)


def refuses(action: Callable[[], object], kinds: tuple[type[BaseException], ...] = (ValueError, OSError)) -> bool:
    """Returns True if the action ends with one of these errors; a result, or another error, is not held."""
    try:
        action()
    except kinds:
        return True
    except Exception:  # noqa: BLE001  a traceback for the user
        return False
    return False


def answers(action: Callable[[], object]) -> bool:
    """Returns True if the action ends with a result or with an error for users, not with any other."""
    try:
        action()
    except (ValueError, OSError):
        return True
    except Exception:  # noqa: BLE001
        return False
    return True
