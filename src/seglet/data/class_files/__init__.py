"""Files of class tables: found beside the data, read in many forms, or refused; one module per form."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.class_files.class_rows import ClassFile
    from seglet.data.class_files.read import read_class_file, read_class_table, shipped_class_tables
    from seglet.data.class_files.search import find_class_file, table_folders

__all__ = [
    "ClassFile",
    "find_class_file",
    "read_class_file",
    "read_class_table",
    "shipped_class_tables",
    "table_folders",
]

_HOMES = {
    "ClassFile": "seglet.data.class_files.class_rows",
    "find_class_file": "seglet.data.class_files.search",
    "read_class_file": "seglet.data.class_files.read",
    "read_class_table": "seglet.data.class_files.read",
    "shipped_class_tables": "seglet.data.class_files.read",
    "table_folders": "seglet.data.class_files.search",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
