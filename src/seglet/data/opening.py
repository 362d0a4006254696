"""Opening data sets by name: the embedded world, a folder, or a description file."""

from pathlib import Path

from seglet.data.checking.check import check_dataset
from seglet.data.dataset import Dataset
from seglet.data.description import DESCRIPTION_FILE, Description, ImageItem, load_description
from seglet.data.errors import DataError
from seglet.data.files import cache_folder_for, is_writable
from seglet.data.folder_dataset import FolderDataset
from seglet.data.splits.divide import UNLABELLED, unlabelled_item
from seglet.data.splits.fractions import split_commands
from seglet.data.splits.official import official_split_ids


def open_dataset(data: str | Path, split: str, *, resize: float = 1.0, whole_masks: bool = False) -> Dataset:
    """The samples of one split of the embedded world or of a data set on disk.

    `data` is `world`, or `world:scenes=100,clutter=8` with fields of `World` (`dark=1` is night) and `Difficulty`; or a
    folder, read as its dataset.json says and, if it has none, checked on the spot; or the path of a dataset.json.
    `resize` and `whole_masks` are those of `FolderDataset`; scenes of the world are drawn at the size wanted.
    `split` is a name in the data set, or one of the official lists (see `splits`), such as `pascal/92/labeled`, in
    short `voc/92`; the images of a list called unlabeled come without their masks.

    Raises:
        DataError: no such data or split, naming those there are; or the data have problems.
    """
    data = str(data)
    if names_world(data):
        from seglet.data.world.options import open_world  # worlds are data sets themselves

        return open_world(data, split)
    description = describe_data(Path(data))
    if split in description.splits or "/" not in split:
        return FolderDataset(description, description.items(split), resize, whole_masks)
    if needed := split_commands(data, [split], description.splits):
        raise DataError(f"there is no split {split!r} of {data!r} yet; make it: {needed[0]}")
    return FolderDataset(description, _listed(description, split), resize, whole_masks)


def names_world(data: str) -> bool:
    """Whether this names the embedded world rather than a folder."""
    return data == "world" or data.startswith("world:")


def describe_data(path: Path) -> Description:
    """The description in the file `path` or of the folder `path`; one without dataset.json is checked on the spot."""
    files = (
        [path]
        if path.is_file()
        else [path / DESCRIPTION_FILE, cache_folder_for(path) / DESCRIPTION_FILE]
        if path.is_dir()
        else []
    )
    for file in files:
        if file.is_file():
            description = load_description(file)
            if description.tags is not None:
                description.tags.check_unchanged()
            return description
    return check_dataset(path).require_ok()


def description_path(root: Path) -> Path:
    """Where `describe` looks for the description of a folder: in it, or in the user's cache if it is read-only."""
    return (root if is_writable(root) else cache_folder_for(root)) / DESCRIPTION_FILE


def _listed(description: Description, split: str) -> tuple[ImageItem, ...]:
    there = {item.id.rsplit("/", 1)[-1]: item for items in description.splits.values() for item in items}
    wanted = official_split_ids(split)
    gone = [name for name in wanted if name not in there]
    if gone:
        there_is = f"{len(gone)} of {len(wanted)} images of list {split!r} are not in {str(description.root)!r}"
        raise DataError(f"{there_is}, such as {gone[0]!r}; complete the data set and check it again")
    items = tuple(there[name] for name in wanted)
    unlabelled = split.rsplit("/", 1)[-1] in UNLABELLED
    return tuple(map(unlabelled_item, items)) if unlabelled else items
