"""Text prompts of classes for vision-language models: templates, phrases per class, phrases for background."""

from typing import TYPE_CHECKING

from seglet.lazy import lazy_exports

if TYPE_CHECKING:
    from seglet.data.prompts.class_prompts import ClassPrompts
    from seglet.data.prompts.read import prompts_for, published_prompts, read_prompts

__all__ = [
    "ClassPrompts",
    "prompts_for",
    "published_prompts",
    "read_prompts",
]

_HOMES = {
    "ClassPrompts": "seglet.data.prompts.class_prompts",
    "prompts_for": "seglet.data.prompts.read",
    "published_prompts": "seglet.data.prompts.read",
    "read_prompts": "seglet.data.prompts.read",
}

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
