"""Checks a data set before training: every file and every mask value, all problems reported at once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seglet.actors import ActorPool
from seglet.data.checking.channel_facts import measure_channels, with_channel_errors
from seglet.data.checking.class_choice import choose_classes
from seglet.data.checking.doubts import single_class
from seglet.data.checking.file_facts import LIMIT_OPTION, FileFacts
from seglet.data.checking.remarks import ScannedFile, file_remarks, shared_white_levels
from seglet.data.checking.rules import STRICT_RULES, MaskRules, decide_mask_reading
from seglet.data.checking.scan import FileRequest, ProgressCallback, scan_files
from seglet.data.checking.statistics import SplitStatistics, absent_classes, count_split
from seglet.data.checking.validate import find_leaks, validate_image, validate_mask
from seglet.data.class_table import classes_of
from seglet.data.description import Description, ImageItem
from seglet.data.errors import DataError, Problem
from seglet.data.files import cache_folder_for
from seglet.data.layouts.found import FoundLayout
from seglet.data.layouts.infer import infer_layout
from seglet.data.pixel_limit import PixelLimit, pixel_limit
from seglet.data.splits.fractions import UNLABELLED_NAMES
from seglet.data.tags.assign import AssignedTags, assign_tags, refuse_unnamed_classes, tags_from_masks
from seglet.data.tags.resolve import doubtful_classes, table_from_tags
from seglet.data.tags.source import USUAL_TAGS, TagSource, find_tags
from seglet.data.tags.taglist import TagList
from seglet.data.tags.validate import contradicting_tags, missing_tags, unusable_images
from seglet.files import is_utf8
from seglet.images import OWN_RANGE
from seglet.images.raster import import_rasterio
from seglet.images.value_range import Channel

_MEMORY = "scan.json"


@dataclass(frozen=True)
class CheckReport:
    """Result of a check. `description` leaves out every pair that has an error."""

    description: Description
    problems: tuple[Problem, ...]
    statistics: Mapping[str, SplitStatistics]
    undecided: bool = False
    """True if an error concerns all masks, so that leaving out files does not resolve it."""
    class_file: Path | None = None
    """File that names the classes, if one does."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems that would break training."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def ok(self) -> bool:
        """True if nothing would break training; warnings may remain."""
        return not self.errors

    def as_dict(self) -> dict[str, Any]:
        """Returns everything except the lists of files, as plain JSON."""
        origin = self.description.tags
        return {
            "root": str(self.description.root),
            "layout": self.description.layout,
            "coding": self.description.coding,
            "classes": [asdict(entry) for entry in self.description.entries],
            "channels": None if self.description.channels is None else list(map(asdict, self.description.channels)),
            "class_file": None if self.class_file is None else str(self.class_file),
            "tags": None if origin is None else {"form": origin.form, "source": str(origin.source)},
            "splits": {name: asdict(statistics) for name, statistics in self.statistics.items()},
            "problems": [asdict(problem) for problem in self.problems],
            "ok": self.ok,
        }

    def require_ok(self) -> Description:
        """Returns the description.

        Raises:
            DataError: there are errors; shows the first five, whose options are those of `seglet data check`.
        """
        if self.ok:
            return self.description
        first = "\n  ".join(str(problem) for problem in self.errors[:5])
        root = str(self.description.root)
        raise DataError(
            f"{root!r} has {len(self.errors)} problems; `seglet data check` lists them all and has the options "
            f"named:\n  {first}"
        )


def check_dataset(
    root: Path,
    masks: Path | None = None,
    classes: Path | None = None,
    rules: MaskRules = STRICT_RULES,
    progress: ProgressCallback | None = None,
    tags: TagSource = USUAL_TAGS,
    mask_name: str | None = None,
    pool: ActorPool | None = None,
) -> CheckReport:
    """Infers layout and classes, pairs images with masks, and decodes every file not decoded by an earlier check.

    `masks` names the folder of masks if it cannot be inferred, `classes` a file with the class table (see
    `read_class_table`), `tags` the source of tags, `mask_name` the pattern by which names of masks differ from those of
    their images, such as `{}_segmentation`. The actors of a `pool` read the files. Results per file are kept in
    root/.seglet, or in the user's cache if the root is read-only.

    Raises:
        DataError: the check cannot begin: there are no images, the classes are unknown, or tags cannot be read. All
            other problems are in the report.
    """
    root = root.resolve()
    masks = masks.resolve() if masks is not None else None
    tag_file = None if tags.path is None else tags.path.resolve()
    with pixel_limit(PixelLimit(rules.max_pixels, LIMIT_OPTION)):
        found = infer_layout(root, masks, mask_name, () if tag_file is None else (tag_file,))
    chosen = choose_classes(classes, found, root, masks, tag_file)
    facts = _scanned(found, rules, cache_folder_for(root) / _MEMORY, progress, pool)
    of_masks = [facts[request] for request in facts if request.role == "mask"]
    listed = find_tags(tags, root, masks, found, chosen.entries)
    reading = decide_mask_reading(found, chosen, rules, of_masks)
    named = chosen.entries is not None or reading.coding == "binary_255" or not of_masks
    if listed is not None and not of_masks:
        entries = table_from_tags(listed) if chosen.entries is None else reading.entries
        reading = replace(reading, entries=entries, problems=(*reading.problems, *single_class(entries)))
    classes_of(reading.entries)
    facts = {request: reading.settled(known) if request.role == "mask" else known for request, known in facts.items()}
    description = Description(
        root,
        found.layout,
        reading.entries,
        found.splits,
        reading.coding,
        rules.stray,
        rules.max_pixels,
        threshold=reading.threshold,
        whites=shared_white_levels([facts[request] for request in facts if request.role == "image"]),
        channels=None if rules.channels is None else _measured(found, facts, rules.channels, progress),
    )
    assigned = _assigned(description, facts, listed, named, tags.masks)
    general = [*chosen.problems, *reading.problems, *assigned.problems, *_file_remarks(description, facts)]
    if listed is not None and named:
        masked = all(item.mask is not None for items in found.splits.values() for item in items)
        general += doubtful_classes(reading.entries, listed, masked)
    report = _report(replace(description, tags=assigned.origin), facts, found, assigned)
    undecided = (listed is not None and not named) or any(each.severity == "error" for each in reading.problems)
    problems = (*(_shown(problem, root) for problem in (*found.problems, *general)), *report.problems)
    return replace(report, problems=problems, undecided=undecided, class_file=chosen.file)


def _scanned(
    found: FoundLayout, rules: MaskRules, memory: Path, progress: ProgressCallback | None, pool: ActorPool | None
) -> dict[FileRequest, FileFacts]:
    """Returns the facts about all files; an image has the role `image` whatever it holds."""
    requests = _requests(found)
    if rules.channels is None:
        return scan_files(requests, memory, rules.max_pixels, progress, pool)
    import_rasterio()
    asked = [replace(request, role="channels") if request.role == "image" else request for request in requests]
    facts = scan_files(asked, memory, rules.max_pixels, progress, pool)
    images = {request.path: known for request, known in facts.items() if request.role == "channels"}
    images = with_channel_errors(images, rules.channels)
    masks = {request: known for request, known in facts.items() if request.role == "mask"}
    return {FileRequest(path, "image"): known for path, known in images.items()} | masks


def _measured(
    found: FoundLayout, facts: Mapping[FileRequest, FileFacts], names: Sequence[str], progress: ProgressCallback | None
) -> tuple[Channel, ...] | None:
    """Returns the channels with the statistics of the split train, or of all images where there is none."""
    chosen = found.splits.get("train") or [item for items in found.splits.values() for item in items]
    paths = list(dict.fromkeys(item.image for item in chosen))
    good = [path for path in paths if not facts[FileRequest(path, "image")].error]
    return measure_channels(good, names, progress) if good else None


def _requests(found: FoundLayout) -> list[FileRequest]:
    items = [item for items in found.splits.values() for item in items]
    requests = [FileRequest(item.image, "image") for item in items]
    return requests + [FileRequest(item.mask, "mask") for item in items if item.mask is not None]


def _file_remarks(description: Description, facts: Mapping[FileRequest, FileFacts]) -> list[Problem]:
    """Returns remarks about the files that can be used."""
    items = {item.image: item for items in description.splits.values() for item in items if item.mask is None}
    items |= {item.image: item for items in description.splits.values() for item in items if item.mask is not None}
    scanned: dict[str, list[ScannedFile]] = {"image": [], "mask": []}
    for item in items.values():
        for role, path in (("image", item.image), ("mask", item.mask)):
            if path is not None and not facts[FileRequest(path, role)].error:
                shown = _below(path, description.root)
                scanned[role].append(ScannedFile(shown, facts[FileRequest(path, role)], item.mask is not None))
    return file_remarks(scanned["image"], scanned["mask"], description.whites or OWN_RANGE)


def _assigned(
    description: Description,
    facts: Mapping[FileRequest, FileFacts],
    listed: TagList | None,
    named: bool,
    of_masks: bool,
) -> AssignedTags:
    items = tuple(dict.fromkeys(item for items in description.splits.values() for item in items))
    if of_masks:
        return tags_from_masks(items, facts, description)
    if listed is None:
        return AssignedTags()
    return assign_tags(listed, items, description) if named else refuse_unnamed_classes(listed)


def _report(
    description: Description, facts: Mapping[FileRequest, FileFacts], found: FoundLayout, assigned: AssignedTags
) -> CheckReport:
    of = _problems_by_item(description, facts, found, assigned)
    good = {
        name: tuple(_known(name, item, facts, assigned) for item in items if not _is_bad(item, of[item], assigned))
        for name, items in description.splits.items()
    }
    kept = replace(description, splits=good)
    statistics = {name: count_split(items, kept, facts) for name, items in good.items()}
    problems = [problem for problems_of in of.values() for problem in problems_of]
    for name, items in description.splits.items():
        problems += missing_tags(name, items, assigned)
        problems += contradicting_tags(name, good[name], facts, kept)
    problems = [_shown(problem, description.root) for problem in dict.fromkeys(problems)]
    problems += find_leaks(
        good, lambda path: facts[FileRequest(path, "image")], lambda path: _below(path, description.root)
    )
    problems += absent_classes(statistics, kept.classes)
    return CheckReport(kept, tuple(problems), statistics)


def _problems_by_item(
    description: Description, facts: Mapping[FileRequest, FileFacts], found: FoundLayout, assigned: AssignedTags
) -> dict[ImageItem, list[Problem]]:
    """Returns the problems of each item: of its image, its mask, or the lack of one."""
    of = {item: _item_problems(item, facts, description) for items in description.splits.values() for item in items}
    for name, items in description.splits.items():
        for item, problem in unusable_images(name, items, assigned, found.unmasked).items():
            if not any(other.severity == "error" for other in of[item]):
                of[item].append(problem)
    return of


def _item_problems(item: ImageItem, facts: Mapping[FileRequest, FileFacts], description: Description) -> list[Problem]:
    image = facts[FileRequest(item.image, "image")]
    problems = [] if is_utf8(_below(item.image, description.root)) else [_odd_name(item.image)]
    problems += validate_image(str(item.image), image)
    if item.mask is not None:
        problems += validate_mask(str(item.mask), facts[FileRequest(item.mask, "mask")], image, description)
    return problems


def _odd_name(path: Path) -> Problem:
    what = "its name is not UTF-8, as of files that another system packed"
    return Problem(str(path), what, "rename it, and its mask")


def _is_bad(item: ImageItem, problems: list[Problem], assigned: AssignedTags) -> bool:
    return item.image in assigned.invalid or any(problem.severity == "error" for problem in problems)


def _known(name: str, item: ImageItem, facts: Mapping[FileRequest, FileFacts], assigned: AssignedTags) -> ImageItem:
    """Returns the item with the hashes and tags found by the check."""
    mask_hash = facts[FileRequest(item.mask, "mask")].hash if item.mask is not None else ""
    tags = None if name in UNLABELLED_NAMES else assigned.tags.get(item.image)
    return replace(item, image_hash=facts[FileRequest(item.image, "image")].hash, mask_hash=mask_hash, tags=tags)


def _shown(problem: Problem, root: Path) -> Problem:
    return replace(problem, file=_below(Path(problem.file), root))


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
