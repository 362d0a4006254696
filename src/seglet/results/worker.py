"""`python -m seglet.results.worker`: runs one task of a results table, read from standard input as JSON.

A run on several devices starts this module once more for each further device, with the same task in the environment.
"""

import json
import os
import signal
import sys
import threading
from types import FrameType

from seglet.engine.console import print_message
from seglet.results.tasks import task_from_json

TASK_VARIABLE = "SEGLET_TASK"
"""Variable of the environment that hands the task on to the processes of further devices."""


def main() -> int:
    """Runs the task and returns the exit code: 0, or 2 with a line on stderr if something can be put right by people.

    The input has the `task`, and as `argv` the command that filled the table, which goes into the record of a run.
    """
    signal.signal(signal.SIGTERM, _terminate)
    text = os.environ.get(TASK_VARIABLE)
    if not text:
        os.environ[TASK_VARIABLE] = text = sys.stdin.readline()
        threading.Thread(target=_end_with_parent, daemon=True).start()
    given = json.loads(text)
    sys.argv = given["argv"]
    try:
        task_from_json(given["task"]).run()
    except (ValueError, OSError) as error:
        print_message(f"error: {error}")
        return 2
    return 0


def _end_with_parent() -> None:
    """Stops this process as SIGTERM does, once its input ends: the process that filled the table has died."""
    while os.read(sys.stdin.fileno(), 1):  # sys.stdin has a lock, on which the end of Python would wait
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _terminate(number: int, frame: FrameType | None) -> None:
    """Ends by an exception, so that half-written files are removed."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
