"""A method that reads every kind of column, made by producers that need no weights."""

from seglet.methods.columned.config import Config
from seglet.methods.columned.method import Method

__all__ = ["Config", "Method"]
