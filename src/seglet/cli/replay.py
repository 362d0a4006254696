"""`seglet replay`: repeats the training step in which a loss became NaN or infinite."""

import argparse
import json
import math
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Repeat the last step of a run whose loss was NaN or infinite, on the processor and in 32-bit arithmetic, "
        "and report the terms and samples that cause it. Training keeps such a step in RUN/failed-batch."
    )
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    from seglet.engine.failed_step import replay_failed_step
    from seglet.engine.run import Run

    replayed = replay_failed_step(Run(arguments.run))
    terms = {"total": replayed.losses.total, **replayed.losses.terms}
    values = {name: float(term.detach()) for name, term in terms.items()}
    print(json.dumps(_as_json(replayed, values)) if arguments.json else _text(replayed, values))
    return 0


def _as_json(replayed: Any, values: dict[str, float]) -> dict[str, Any]:
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return {"folder": str(replayed.folder), "error": replayed.error, "terms": finite, "suspects": replayed.findings}


def _text(replayed: Any, values: dict[str, float]) -> str:
    width = max(map(len, values))
    lines = [f"{replayed.folder}: {replayed.error}", "", "repeated in 32-bit arithmetic:"]
    lines += [f"  {name:<{width}}  {value:.6g}" for name, value in values.items()]
    if all(map(math.isfinite, values.values())):
        lines.append("all terms are finite now: the arithmetic was the cause; train with precision 32 or bf16-mixed")
    return "\n".join([*lines, *replayed.findings])
