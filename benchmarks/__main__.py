"""`python -m benchmarks NAME [--json]` runs one comparison; `python -m benchmarks list` names them."""

import argparse
import importlib
import json
import os
import pkgutil
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import benchmarks

if TYPE_CHECKING:
    from benchmarks._harness import Result


def available() -> list[str]:
    """Names of the comparisons: the modules of this folder, with dashes."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[0] != "_")


def run(name: str, options: list[str]) -> "Result":
    """Measures on one thread; the limit must be in the environment before numpy and torch load.

    A module with `add_arguments` gets its options.
    """
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    import torch

    torch.set_num_threads(1)
    module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=module.__doc__)
    takes_options = hasattr(module, "add_arguments")
    if takes_options:
        module.add_arguments(parser)
    arguments = parser.parse_args(options)
    result: Result = module.run(arguments) if takes_options else module.run()
    return result


def text(result: "Result") -> str:
    same = "same result" if result.equal else "DIFFERENT RESULTS"
    line = (
        f"{result.name}: ours {result.ours:.4g} {result.unit}, rival {result.rival:.4g} {result.unit},"
        f" ratio {result.ratio:.3g} ({same}; {result.shapes}; {result.threads} thread)"
    )
    return "\n".join(filter(None, (line, result.details())))


def main() -> int:
    names = available()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=benchmarks.__doc__)
    parser.add_argument("name", choices=["list", *names])
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments, options = parser.parse_known_args()
    if arguments.name == "list":
        print(json.dumps(names) if arguments.json else "\n".join(names))
        return 0
    result = run(arguments.name, options)
    print(json.dumps(asdict(result)) if arguments.json else text(result))
    return 0 if result.equal else 1


if __name__ == "__main__":
    sys.exit(main())
