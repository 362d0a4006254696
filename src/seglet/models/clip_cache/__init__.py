"""Key-value cache of CLIP's features, and the adapter that trains it."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.models.clip_cache.adapter import CacheAdapter
    from seglet.models.clip_cache.build import build_cache
    from seglet.models.clip_cache.cache import KeyValueCache, retrieve_values, unit_directions
    from seglet.models.clip_cache.centroids import find_centroids

__all__ = [
    "CacheAdapter",
    "KeyValueCache",
    "build_cache",
    "find_centroids",
    "retrieve_values",
    "unit_directions",
]

_HOMES = {
    "CacheAdapter": "seglet.models.clip_cache.adapter",
    "KeyValueCache": "seglet.models.clip_cache.cache",
    "build_cache": "seglet.models.clip_cache.build",
    "find_centroids": "seglet.models.clip_cache.centroids",
    "retrieve_values": "seglet.models.clip_cache.cache",
    "unit_directions": "seglet.models.clip_cache.cache",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
