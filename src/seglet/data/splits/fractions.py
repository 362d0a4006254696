"""Names of splits that keep the masks of a part of the images: `92/labelled`, `1_8/unlabelled`."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from seglet.data.errors import DataError

LABELLED_NAMES = ("labelled", "labeled")
_SEED_FORM = re.compile(r"([^/]+)-seed(\d{1,12})(/.+)")
_PORTION_FORM = re.compile(r"(\d{1,12})(?:_(\d{1,12}))?")


@dataclass(frozen=True)
class LabelledPortion:
    """Number of images that keep their masks: `count` images, or the fraction `count` / `share` of all.

    `LabelledPortion(92)` is 92 images, `LabelledPortion(1, 8)` an eighth of them.
    """

    count: int
    share: int = 0

    def of(self, total: int) -> int:
        """Returns how many of `total` images keep their masks: at least one, and not all.

        Raises:
            DataError: there are too few images.
        """
        wanted = max(1, round(total * self.count / self.share)) if self.share else self.count
        if not 1 <= wanted < total:
            raise DataError(
                f"cannot keep the masks of {wanted} of {total} images and leave some without; "
                f"choose a count from 1 to {total - 1}, or a share below 1"
            )
        return wanted

    @property
    def name(self) -> str:
        """Name of the portion in the official lists: `92`, `1_8`."""
        return f"{self.count}_{self.share}" if self.share else str(self.count)


def parse_portion(text: str) -> LabelledPortion | None:
    """Returns the portion with this name (`92`, `1_8`, `1/8`), or None if it is no such name."""
    found = _PORTION_FORM.fullmatch(text.replace("/", "_"))
    if found is None:
        return None
    return LabelledPortion(int(found[1]), int(found[2] or 0)) if found[2] is None or int(found[2]) > 0 else None


def parse_split_name(split: str) -> tuple[LabelledPortion, bool] | None:
    """Returns the portion in the name of a split, and True if it is the part with masks; None for other names."""
    head, _, kind = split.rpartition("/")
    portion = parse_portion(head) if kind in (*LABELLED_NAMES, *UNLABELLED_NAMES) else None
    return None if portion is None else (portion, kind in LABELLED_NAMES)


def is_labelled_part(split: str) -> bool:
    """Returns True for the part with masks of a split that has another without: `…/labelled`, `voc/92`."""
    from seglet.data.splits.official import full_split_name

    return full_split_name(split).rpartition("/")[2] in LABELLED_NAMES


def unlabelled_counterpart(split: str) -> str:
    """Returns the split with the images that `split` leaves without masks: `…/unlabelled` for `…/labelled`.

    For an official list in its short form, `voc/92`, that is "pascal/92/unlabeled".

    Raises:
        DataError: the name does not end in labelled.
    """
    from seglet.data.splits.official import full_split_name

    head, slash, kind = full_split_name(split).rpartition("/")
    if kind not in LABELLED_NAMES:
        raise DataError(
            f"the name {split!r} says nothing about unlabelled images; set unlabelled_split, or take a train_split "
            "such as pascal/92/labeled or one that `seglet data split` makes; if all images have masks, train "
            "`supervised`"
        )
    return f"{head}{slash}{UNLABELLED_NAMES[LABELLED_NAMES.index(kind)]}"


def split_commands(data: str, splits: Iterable[str], there: Container[str]) -> list[str]:
    """Returns the `seglet data split` commands for those of the splits that are missing and can be made so."""
    options = [_options(split) for split in splits if split not in there]
    return [f"seglet data split {data} {each}" for each in dict.fromkeys(options) if each]


def _options(split: str) -> str:
    """Returns the options that make a split, `--count 92 --seed 1` for `92-seed1/labelled`; empty for other names."""
    drawn = _SEED_FORM.fullmatch(split)
    found = parse_split_name("".join(drawn.group(1, 3)) if drawn else split)
    if found is None:
        return ""
    portion, seed = found[0], f" --seed {drawn[2]}" if drawn else ""
    return (f"--share {portion.count}/{portion.share}" if portion.share else f"--count {portion.count}") + seed


UNLABELLED_NAMES = ("unlabelled", "unlabeled")
