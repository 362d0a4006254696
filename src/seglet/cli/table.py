"""`seglet table`: the rows of a results table, trained and scored on several seeds, beside the paper's numbers."""

import argparse
import json
import sys
from pathlib import Path

from seglet.cli.parsing import whole_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train and score the rows of a table on several seeds. Finished runs are kept and interrupted ones resume. "
        "Any key of an experiment may be given and holds for all rows."
    )
    parser.add_argument(
        "name", nargs="?", help="name of a table, or an experiment file with rows; without it, all are listed"
    )
    parser.add_argument("--rows", nargs="+", default=[], help="only these rows, and those they need")
    parser.add_argument("--seeds", type=whole_number(0, 2**31), nargs="+", default=[], help="only these seeds")
    parser.add_argument(
        "--jobs",
        type=whole_number(1, 64),
        help="runs at a time, which share the processors (one for each; one alone on GPUs or several devices)",
    )
    parser.add_argument("--score-on", default="", metavar="SPLIT", help="the split to score on, if not the table's")
    parser.add_argument("--runs", type=Path, default=Path("runs/tables"), help="folder of the runs (runs/tables)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="folder of NAME.json (docs/results)")
    parser.add_argument("--page", type=Path, help="Markdown page whose block <!-- results:NAME --> is written anew")
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="PNG",
        help="draw some images with the predictions of the rows, of the first seed",
    )
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")


def run(arguments: argparse.Namespace, rest: list[str]) -> int:
    from seglet.cli.options.experiment import parse_keys
    from seglet.results.definition import table_definition, table_names
    from seglet.results.markdown import paste_into_page, render_results
    from seglet.results.own_table import open_table
    from seglet.results.plan import TablePlan
    from seglet.results.runner import default_jobs, fill_table

    if arguments.name is None:
        print("\n".join(f"{name:<14} {table_definition(name).title}" for name in table_names()))
        return 0
    definition = open_table(arguments.name)
    plan = TablePlan(
        definition,
        runs=arguments.runs / definition.name,
        results=arguments.results,
        overrides=parse_keys(rest),
        rows=tuple(arguments.rows),
        seeds=tuple(arguments.seeds),
        score_on=arguments.score_on,
    )
    results = fill_table(plan, arguments.jobs or default_jobs(plan))
    if arguments.page:
        paste_into_page(arguments.page, results)
    if arguments.figure:
        from seglet.results.comparison import draw_table

        print(f"rows of {arguments.figure}: {', '.join(draw_table(plan, arguments.figure))}", file=sys.stderr)
    print(json.dumps(results) if arguments.json else render_results(results))
    print(f"written to {plan.file}; the runs are in {plan.runs}", file=sys.stderr)
    return 0
