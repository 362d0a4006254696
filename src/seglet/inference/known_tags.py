"""Tags of images, from the files that `seglet data check --tags` reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seglet.data.class_table import ClassEntry
from seglet.data.description import Description, ImageItem
from seglet.data.tags.assign import assign_tags
from seglet.data.tags.source import read_tags
from seglet.engine.console import print_message
from seglet.inference.inputs import ImageFile
from seglet.types import Classes


@dataclass(frozen=True)
class KnownTags:
    """Label ids of each image by its path, sorted and without background; `hash` is that of the file, if it is one."""

    by_path: dict[Path, tuple[int, ...]]
    source: Path
    hash: str


def read_known_tags(source: Path, key: str, images: Sequence[ImageFile], classes: Classes) -> KnownTags:
    """Reads the tags of images, which may be named by any end of their path; doubts are printed on stderr.

    Raises:
        ValueError: the file cannot be read, or names unknown images or classes; lists all of them.
    """
    paths = {image.path: image.path.absolute() for image in images}
    listed = read_tags(source, set(paths.values()), key)
    items = [ImageItem(image.name, paths[image.path]) for image in images]
    entries = tuple(
        ClassEntry(label, name, colour)
        for label, (name, colour) in enumerate(zip(classes.names, classes.colours, strict=True))
    )
    home = Path(items[0].image.anchor)
    assigned = assign_tags(listed, items, Description(home, "folders", entries, {}))
    errors = [str(problem) for problem in assigned.problems if problem.severity == "error"]
    if errors:
        raise ValueError("\n  ".join([f"tags in {str(source)!r} cannot be used:", *errors]))
    for problem in assigned.problems:
        print_message(f"warning: {problem}")
    found = {path: assigned.tags[whole] for path, whole in paths.items() if whole in assigned.tags}
    return KnownTags(found, source, listed.hash)
