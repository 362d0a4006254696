"""Stores: folders of bytes, on disk or by URL, behind one small interface."""

from seglet.stores.local_place import LocalPlace
from seglet.stores.opening import is_url, open_place
from seglet.stores.place import Place

__all__ = ["LocalPlace", "Place", "is_url", "open_place"]
