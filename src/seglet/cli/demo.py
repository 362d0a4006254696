"""`seglet demo`: a short run of each method on the embedded world, with a table and a page of results."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seglet.cli.diagnosis import installed_version
from seglet.cli.parsing import whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seglet.results.plan import TablePlan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train and score a short run of each method on the embedded world, whose scenes are drawn from a seed with "
        "their masks; write one table, and one page with predictions. Finished runs are kept, so the same command "
        "goes on after an interruption."
    )
    parser.add_argument("--method", metavar="NAME", help="only the runs of this method, and the teacher they need")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="folder of runs, table and page (runs/demo)"
    )
    parser.add_argument("--jobs", type=whole_number(1, 64), default=2, help="runs at a time, on one thread each")


def run(arguments: argparse.Namespace) -> int:
    from seglet.methods import load_method
    from seglet.results.comparison import draw_table
    from seglet.results.definition import demo_rows, table_definition
    from seglet.results.demo_page import write_demo_page
    from seglet.results.markdown import render_results
    from seglet.results.plan import TablePlan
    from seglet.results.runner import fill_table

    out: Path = arguments.out
    if arguments.method is not None:
        load_method(arguments.method)  # complains of a wrong name
    rows = possible_rows(None if arguments.method is None else tuple(demo_rows(arguments.method)))
    plan = TablePlan(table_definition("demo"), out, out, rows=rows)
    print(f"runs on the embedded world: {', '.join(plan.wanted_rows())}")
    results = fill_table(plan, arguments.jobs)
    print(f"\n{render_results(results)}\n")
    names = draw_table(plan, out / "demo.png")
    write_demo_page(out / "demo.html", results, out / "demo.png", names)
    print(f"images: {out / 'demo.html'} (rows: {', '.join(names)}); numbers: {plan.file}")
    print("\n".join(_next_commands(plan)))
    return 0


def possible_rows(chosen: "Sequence[str] | None") -> tuple[str, ...]:
    """Returns the `chosen` rows of the demo, or all of them if None, as far as their needs are installed.

    Raises:
        ValueError: a chosen row needs something that is not installed, or none was chosen.
    """
    from seglet.results.definition import table_definition

    if chosen is not None and not chosen:
        raise ValueError("this method brings no short run for the demo; leave --method out, or choose one of seglet's")
    rows = table_definition("demo").rows
    without = [row for row in chosen or rows if rows[row].needs == "hub" and installed_version("transformers") is None]
    cure = 'need transformers and diffusers: pip install "seglet[hub]"'
    if without and chosen is not None:
        raise ValueError(f"the runs of this method ({', '.join(without)}) {cure}")
    if without:
        print(f"left out: {', '.join(without)}, which {cure}")
    return tuple(row for row in chosen or rows if row not in without)


def _next_commands(plan: "TablePlan") -> list[str]:
    from seglet.results.plan import Cell

    model = plan.model_folder(Cell(plan.wanted_rows()[-1], 0))
    return [
        f"next: seglet predict {model} IMAGES --out predictions   (any images; it knows the world's shapes)",
        "      seglet data check DIR                                 (your own images, with masks or tags)",
    ]
