"""`seglet demo`: the whole idea in a few minutes on the embedded world: teacher, small students, table, pictures."""

import argparse
from pathlib import Path

from seglet.apps.parsing import whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="where runs, table and pictures go")
    parser.add_argument("--jobs", type=whole(1, 64), default=2, help="one-thread runs side by side")


def run(arguments: argparse.Namespace) -> int:
    from seglet.apps.rows import Table
    from seglet.apps.table import render

    out: Path = arguments.out
    table = Table("demo", runs=out, results=out, overrides={}, jobs=arguments.jobs)
    print("the embedded world: scenes drawn from a seed, every pixel known. Training a teacher, then two students.")
    results = table.fill()
    print(f"\n{render(results)}\n")
    picture = out / "demo.png"
    rows = list(table.content["rows"])
    compare({row: table.model(row, 0) for row in rows}, picture)
    print(f"pictures: {picture} (rows: scene, truth, {', '.join(rows)}); numbers: {table.file}")
    student = table.model("fotf", 0)
    print(f"next: seglet predict {student} PICTURES --out predictions   (any pictures; it knows the world's shapes)")
    print("      seglet data check DIR                                 (your own pictures and masks)")
    return 0


def compare(models: dict[str, Path], file: Path, count: int = 8) -> None:
    """Test scenes, their truth, and what each model sees in them, as rows of one picture."""
    from seglet import files
    from seglet.data.view import colours, contact_sheet, legend
    from seglet.data.world import World
    from seglet.models.segmenter import load

    world = World("test", scenes=count)
    samples = [world.read(index) for index in range(count)]
    rows = [[sample.image for sample in samples]]
    rows.append([colours(sample.labels, world.classes) for sample in samples if sample.labels is not None])
    for folder in models.values():
        model = load(folder)
        rows.append([colours(model.predict(sample.image).labels, world.classes) for sample in samples])
    with files.replacing(file) as temporary:
        contact_sheet(rows, footer=legend(world.classes)).save(temporary, format="PNG")
