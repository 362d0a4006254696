"""Masks and tags of dark images for the same images in the light, whose names may differ by a number, as in LIS."""

from dataclasses import replace
from pathlib import Path

from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError
from seglet.data.folder_dataset import FolderDataset, describe_data
from seglet.data.loading.dark_light_pairs import DarkLightDataset


def annotate_partner(annotated: Path, other: Path, offset: int = 0) -> Description:
    """Returns a description of the images of `other` with the names, masks and tags of their partners in `annotated`.

    Splits are those of `annotated`; partners are looked for in the split of the same name if `other` has it, and else
    among all images of `other`. As the names are then the same, both need no offset any more.

    Args:
        annotated: folder or description of the data set with masks or tags.
        other: that of the same images in another light.
        offset: number in the name of an image of `other` minus that of its partner.

    Raises:
        DataError: an image has no partner or two, sizes differ, or nothing is annotated.
    """
    given, there = describe_data(annotated), describe_data(other)
    if not any(item.mask or item.tags is not None for items in given.splits.values() for item in items):
        raise DataError(
            f"{str(annotated)!r} has neither masks nor tags; `seglet data check` it with --masks or --tags first"
        )
    every = tuple({item.image: item for items in there.splits.values() for item in items}.values())
    splits = {
        name: _lent(given, items, replace(there, splits={}), there.splits.get(name, every), offset)
        for name, items in given.splits.items()
    }
    return replace(given, root=there.root, layout=there.layout, splits=splits, whites=there.whites)


def _lent(
    given: Description, items: tuple[ImageItem, ...], there: Description, others: tuple[ImageItem, ...], offset: int
) -> tuple[ImageItem, ...]:
    pairs = DarkLightDataset(FolderDataset(given, items), FolderDataset(there, others), offset)
    pairs.check_sizes()
    partners = (others[place] for place in pairs.partners)
    return tuple(
        replace(item, image=partner.image, image_hash=partner.image_hash)
        for item, partner in zip(items, partners, strict=True)
    )
