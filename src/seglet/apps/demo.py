"""`seglet demo`: the whole idea in a few minutes on the embedded world: teacher, small students, table, pictures."""

import argparse
from pathlib import Path

from seglet.apps.parsing import whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="where runs, table and pictures go")
    parser.add_argument("--jobs", type=whole(1, 64), default=2, help="one-thread runs side by side")


def run(arguments: argparse.Namespace) -> int:
    from seglet.apps.gallery import Look, compare
    from seglet.apps.rows import Table
    from seglet.apps.table import render
    from seglet.data.world import World

    out: Path = arguments.out
    table = Table("demo", runs=out, results=out, overrides={}, jobs=arguments.jobs)
    print("the embedded world: scenes drawn from a seed, every pixel known. Training a teacher, then two students.")
    results = table.fill()
    print(f"\n{render(results)}\n")
    picture = out / "demo.png"
    looks = {row: Look.at(table.model(row, 0)) for row in table.content["rows"]}
    shown = compare(looks, World("test", scenes=8), picture)
    print(f"pictures: {picture} (rows: {', '.join(shown)}); numbers: {table.file}")
    student = table.model("fotf", 0)
    print(f"next: seglet predict {student} PICTURES --out predictions   (any pictures; it knows the world's shapes)")
    print("      seglet data check DIR                                 (your own pictures and masks)")
    return 0
