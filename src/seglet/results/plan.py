"""The runs of a results table: its rows on several seeds, the order they depend on, and their folders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from seglet.files import path_below
from seglet.results.definition import TableDefinition, TableRow


class Cell(NamedTuple):
    """A row of a table on one seed."""

    row: str
    seed: int


@dataclass(frozen=True)
class RunFolders:
    """Paths below the folder that holds the runs of a table."""

    root: Path

    def run(self, cell: Cell) -> Path:
        """Folder of the cell's run, or of its scores alone where nothing is trained."""
        return path_below(self.root, f"{cell.row}-{cell.seed}")

    def scores(self, cell: Cell) -> Path:
        """File of the scores, which is written last: a cell that has it is finished."""
        return self.run(cell) / "scores.json"

    def known_tags(self, cell: Cell) -> Path:
        """File of the scores on the training images with known tags."""
        return self.run(cell) / "known-tags.json"

    def darkened(self, cell: Cell, stops: int) -> Path:
        """File of the scores on images with so many stops of light less."""
        return self.run(cell) / f"stops-{stops}.json"

    def split(self, cell: Cell, split: str) -> Path:
        """File of the scores on another split."""
        return self.run(cell) / f"split-{split.replace('/', '-')}.json"

    def pseudo_labels(self, cell: Cell) -> Path:
        """Folder of the images and pseudo labels that the cell is trained on."""
        return path_below(self.root, f"{cell.row}-{cell.seed}", "-labels")

    def sparse_labels(self, cell: Cell) -> Path:
        """Folder of the simulated labels that the cell is trained on."""
        return path_below(self.root, f"{cell.row}-{cell.seed}", "-sparse")

    def enhancer(self, cell: Cell) -> Path:
        """Folder of the Zero-DCE network that is trained for the cell."""
        return path_below(self.root, f"{cell.row}-{cell.seed}", "-enhancer")

    def depth_maps(self, kind: str) -> Path:
        """Folder of the depth of the embedded world's scenes: true, of another scene, or constant."""
        return self.root / f"depth-{kind}"

    def experiment(self, cell: Cell) -> Path:
        """File of the experiment of a method that is scored untrained."""
        return path_below(self.root, f"{cell.row}-{cell.seed}", ".yaml")


@dataclass(frozen=True)
class TablePlan:
    """The cells of a table to run, the keys of the experiment laid over all of them, and where runs and results go.

    Raises:
        ValueError: the table lacks one of the `rows`, or needs data that the overrides do not name.
    """

    definition: TableDefinition
    runs: Path
    results: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    """The rows to run; empty for all of them."""
    seeds: tuple[int, ...] = ()
    """The seeds to run; empty for those of the table."""
    score_on: str = ""
    """The split to score on; empty for that of the table."""

    def __post_init__(self) -> None:
        name, there = self.definition.name, self.definition.rows
        if wrong := set(self.rows) - there.keys():
            raise ValueError(f"table {name} has no row {', '.join(sorted(wrong))}; it has {', '.join(there)}")
        if self.definition.needs_data and "data" not in self.overrides:
            raise ValueError(f"table {name} needs real images ({self.definition.needs_data}): give --data DIR")

    @property
    def file(self) -> Path:
        """File of the results."""
        return self.results / f"{self.definition.name}.json"

    @property
    def folders(self) -> RunFolders:
        """Folders of the runs."""
        return RunFolders(self.runs)

    @property
    def common_keys(self) -> dict[str, Any]:
        """Keys of the experiment that hold for all rows, the overrides among them."""
        return {**self.definition.shared, **self.overrides}

    @property
    def scored_split(self) -> str:
        """The split that rows are scored on."""
        return self.score_on or self.definition.score_on

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seeds to run."""
        return self.seeds or self.definition.seeds

    @property
    def teachers(self) -> set[str]:
        """Rows whose models teach other rows, or whose untrained method labels the images of other rows."""
        rows = self.definition.rows
        labelling = {row.labels_of for row in rows.values() if row.labels_of and rows[row.labels_of].untrained}
        return {teacher for row in rows.values() if (teacher := row.teacher)} | labelling

    def row(self, cell: Cell) -> TableRow:
        """Returns the definition of the cell's row."""
        return self.definition.rows[cell.row]

    def wanted_rows(self) -> list[str]:
        """Lists the rows to run, each after those that it needs."""
        found: list[str] = []
        for row in self.rows or self.definition.rows:
            found += sorted(self.required_rows(row), key=lambda source: len(self.required_rows(source)))
            found.append(row)
        return list(dict.fromkeys(found))

    def required_rows(self, row: str) -> set[str]:
        """Returns all rows that must be finished before this one, directly or not."""
        sources = self.definition.rows[row].sources
        return {found for source in sources for found in (source, *self.required_rows(source))}

    def cells(self) -> Iterator[Cell]:
        """Yields the cells of all rows on the seeds to run, seed by seed, and the teachers they need.

        Teachers and the rows named in `once` have the table's first seed alone, whichever seeds are to run.
        """
        yield from (cell for cell in self.all_cells() if cell.row in self.teachers or cell.seed in self.all_seeds)

    def all_cells(self) -> Iterator[Cell]:
        """Yields every cell of the table, also those of seeds to run that are not among the table's own."""
        once = self.teachers | set(self.definition.once)
        for seed in dict.fromkeys((*self.definition.seeds, *self.all_seeds)):
            for row in self.definition.rows:
                if seed == self.definition.seeds[0] or row not in once:
                    yield Cell(row, seed)

    def wanted_cells(self) -> list[Cell]:
        """Lists the cells to run in an order in which none waits for a later one; teachers come first."""
        wanted = self.wanted_rows()
        cells = [cell for cell in self.cells() if cell.row in wanted]
        return sorted(cells, key=lambda cell: (cell.row not in self.teachers, len(self.required_rows(cell.row))))

    def source_cell(self, row: str, seed: int) -> Cell:
        """Returns the cell of `row` that a cell of this seed depends on: teachers have the first seed alone."""
        return Cell(row, self.definition.seeds[0] if row in self.teachers else seed)

    def sources(self, cell: Cell) -> list[Cell]:
        """Lists the cells that must be finished before this one."""
        labelling = self.labelling_cell(cell)
        own = [self.source_cell(source, cell.seed) for source in self.row(cell).sources]
        return own if labelling == cell else [*own, labelling]

    def labelling_cell(self, cell: Cell) -> Cell:
        """Returns the cell whose pseudo labels the cell is trained on: that of the first seed where they are the same.

        They are the same for all seeds if an untrained method makes them.
        """
        if self.row(cell).labels_of not in self.teachers:
            return cell
        seeds = dict.fromkeys((*self.definition.seeds, *self.all_seeds))
        return Cell(cell.row, next(seed for seed in seeds if seed in self.all_seeds))

    def training_folder(self, cell: Cell) -> Path:
        """Returns the folder of the run that trains the cell's model, which may be that of another row."""
        source = self.row(cell).borrows
        return self.folders.run(cell) if source is None else self.training_folder(self.source_cell(source, cell.seed))

    def model_folder(self, cell: Cell) -> Path:
        """Returns the folder of the cell's model: the last of its run, or the one that validation selected or that is
        adapted."""
        row = self.row(cell)
        if row.model_of:
            return self.model_folder(self.source_cell(row.model_of, cell.seed))
        return self.folders.run(cell) / ("model" if self.definition.selected or row.adapts else "last")

    def predictor_path(self, cell: Cell) -> Path:
        """Returns what segments images for the cell: a model, or the experiment or run of a method that makes masks
        from tags."""
        row = self.row(cell)
        if not row.maps:
            return self.model_folder(cell)
        return self.folders.experiment(cell) if row.model_of is None else self.training_folder(cell)
