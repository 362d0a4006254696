"""Results tables: their definitions, the runs that fill them, and the tables, charts and sheets made of them."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.results.collect import write_results
    from seglet.results.comparison import SheetLayout, SheetRow, draw_comparison, draw_table
    from seglet.results.curves import score_chart
    from seglet.results.definition import TableDefinition, TableRow, table_definition, table_names
    from seglet.results.markdown import paste_into_page, render_results
    from seglet.results.own_table import AboutTable, open_table
    from seglet.results.pairs import PairedDifference, paired_differences
    from seglet.results.plan import Cell, TablePlan
    from seglet.results.runner import fill_table

__all__ = [
    "AboutTable",
    "Cell",
    "PairedDifference",
    "SheetLayout",
    "SheetRow",
    "TableDefinition",
    "TablePlan",
    "TableRow",
    "draw_comparison",
    "draw_table",
    "fill_table",
    "open_table",
    "paired_differences",
    "paste_into_page",
    "render_results",
    "score_chart",
    "table_definition",
    "table_names",
    "write_results",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AboutTable": "seglet.results.own_table",
        "Cell": "seglet.results.plan",
        "PairedDifference": "seglet.results.pairs",
        "SheetLayout": "seglet.results.comparison",
        "SheetRow": "seglet.results.comparison",
        "TableDefinition": "seglet.results.definition",
        "TablePlan": "seglet.results.plan",
        "TableRow": "seglet.results.definition",
        "draw_comparison": "seglet.results.comparison",
        "draw_table": "seglet.results.comparison",
        "fill_table": "seglet.results.runner",
        "open_table": "seglet.results.own_table",
        "paired_differences": "seglet.results.pairs",
        "paste_into_page": "seglet.results.markdown",
        "render_results": "seglet.results.markdown",
        "score_chart": "seglet.results.curves",
        "table_definition": "seglet.results.definition",
        "table_names": "seglet.results.definition",
        "write_results": "seglet.results.collect",
    },
)
