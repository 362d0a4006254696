"""`python -m seglet.results.worker`: runs one task of a results table, read from standard input as JSON."""

import json
import signal
import sys
from types import FrameType

from seglet.engine.console import print_message
from seglet.results.tasks import task_from_json


def main() -> int:
    """Runs the task and returns the exit code: 0, or 2 with a line on stderr if something can be put right by people.

    The input has the `task`, and as `argv` the command that filled the table, which goes into the record of a run.
    """
    signal.signal(signal.SIGTERM, _terminate)
    given = json.load(sys.stdin)
    sys.argv = given["argv"]
    try:
        task_from_json(given["task"]).run()
    except (ValueError, OSError) as error:
        print_message(f"error: {error}")
        return 2
    return 0


def _terminate(number: int, frame: FrameType | None) -> None:
    """Ends by an exception, so that half-written files are removed."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
