"""Opens data sets by name: the embedded world, a folder, a description file, or several of the latter."""

from pathlib import Path

from seglet.data.dataset import Dataset


def open_dataset(data: str | Path, split: str, *, resize: float = 1.0, whole_masks: bool = False) -> Dataset:
    """Opens one split of the embedded world or of a data set on disk.

    Args:
        data: `world` or, with options, `world:scenes=100,clutter=8`: fields of `World` (`dark=1` draws it at night) and
            of `Difficulty`; or a folder, read as its dataset.json says or, without one, checked now; or the path of a
            dataset.json; or a folder of shards; each also by URL, such as s3://bucket/folder; or several of these with
            commas between, `a,b`, whose classes are joined by name.
        split: a split of the data set, or an official list (see `splits`) such as `pascal/92/labeled`, in short
            `voc/92`. The images of a list called unlabeled come without their masks. Of several data
            sets, the split of all, or one for each with commas between; `none` leaves one out.
        resize: factor on the size of images and masks on disk, above 0; scenes are drawn at the size asked for.
        whole_masks: keeps masks on disk at their own size.

    Raises:
        DataError: there is no such data set or split (the message lists those there are), or the data have errors.
    """
    data = str(data)
    if names_world(data):  # each branch imports what it needs: the world needs no reader of folders
        from seglet.data.world.options import open_world

        return open_world(data, split)
    if len(names := names_of_several(data)) > 1:
        from seglet.data.several import open_several

        return open_several(names, split, resize, whole_masks)
    from seglet.data.folder_dataset import open_folder
    from seglet.data.shards.manifest import find_manifest
    from seglet.stores.mirror import local_folder

    if (places := find_manifest(data)) is not None:
        from seglet.data.shards.manifest import load_manifest
        from seglet.data.shards.sharded_dataset import ShardedDataset

        return ShardedDataset(load_manifest(*places), split, resize, whole_masks)
    return open_folder(str(local_folder(data)), split, resize, whole_masks)


def names_world(data: str) -> bool:
    """True if `data` names the embedded world and not a folder."""
    return data == "world" or data.startswith("world:")


def names_of_several(data: str) -> list[str]:
    """Returns the data sets that `data` names: itself or, where no such path exists, its parts between commas."""
    if "," not in data or names_world(data) or Path(data).exists():
        return [data]
    return [name for part in data.split(",") if (name := part.strip())]
