"""`seglet demo`: the whole idea in a few minutes on the embedded world: a short run of each method, table, images."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglet.cli.diagnosis import installed
from seglet.cli.parsing import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seglet.results.runner import Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "A short run of each method on the embedded world, scenes drawn from a seed of which every pixel is known: "
        "one table, and one page with images. What is finished is kept, so the same command goes on."
    )
    parser.add_argument("--method", metavar="NAME", help="only the runs of this method, and the teacher they need")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="where runs, table and images go")
    parser.add_argument("--jobs", type=whole(1, 64), default=2, help="one-thread runs side by side")


def run(arguments: argparse.Namespace) -> int:
    from seglet.methods import load
    from seglet.results.demo_page import write_page
    from seglet.results.markdown import render
    from seglet.results.runner import Table
    from seglet.results.tables import demo_rows

    out: Path = arguments.out
    if arguments.method is not None:
        load(arguments.method)  # complains of a wrong name
    rows = possible(None if arguments.method is None else demo_rows(arguments.method))
    table = Table("demo", runs=out, results=out, overrides={}, rows=rows, jobs=arguments.jobs)
    print(f"the embedded world: scenes drawn from a seed, every pixel known. Runs: {', '.join(table.wanted())}")
    results = table.fill()
    print(f"\n{render(results)}\n")
    shown = table.draw(out / "demo.png")
    write_page(out / "demo.html", results, out / "demo.png", shown)
    print(f"images: {out / 'demo.html'} (rows: {', '.join(shown)}); numbers: {table.file}")
    for line in _next(table):
        print(line)
    return 0


def possible(chosen: "Mapping[str, Mapping[str, Any]] | None") -> tuple[str, ...]:
    """The rows that what is installed is enough for; of all methods, or of the one that was chosen.

    Raises:
        ValueError: a row was chosen for which it is not enough.
    """
    from seglet.results.tables import definition

    rows = definition("demo")["rows"] if chosen is None else chosen
    without = [row for row in rows if rows[row].get("needs") == "hub" and installed("transformers") is None]
    cure = 'need transformers and diffusers: pip install "seglet[hub]"'
    if without and chosen is not None:
        raise ValueError(f"the runs of this method ({', '.join(without)}) {cure}")
    if without:
        print(f"left out: {', '.join(without)}, which {cure}")
    return tuple(row for row in rows if row not in without)


def _next(table: "Table") -> list[str]:
    model = table.model(table.wanted()[-1], 0)
    return [
        f"next: seglet predict {model} IMAGES --out predictions   (any images; it knows the world's shapes)",
        "      seglet data check DIR                                 (your own images, with masks or tags)",
    ]
