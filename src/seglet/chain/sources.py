"""The data of a chain: what has to be checked or imported first, and the labels that are found."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from seglet.chain.facts import LabelFacts, label_facts, median_size
from seglet.chain.request import ChainRequest, differing_names
from seglet.chain.steps import ChainStep, option_words
from seglet.data.checking.check import CheckReport, check_dataset
from seglet.data.description import Description
from seglet.data.description_files import find_description
from seglet.data.errors import DataError
from seglet.data.files import image_files
from seglet.data.folder_dataset import describe_data
from seglet.data.splits.divide import divide_split
from seglet.data.tags.source import TagSource
from seglet.engine.console import ProgressDisplay

VAL_SHARE = 0.2
"""Share of a single split that is kept to score on."""


@dataclass(frozen=True)
class ChainData:
    """Data of a chain.

    Args:
        data: name of the checked data for commands; empty if all that is used is imported.
        facts: the labels in it, with the split that will be drawn from it.
        steps: commands that check it.
    """

    data: str
    facts: LabelFacts
    steps: tuple[ChainStep, ...]


def open_chain_data(request: ChainRequest) -> ChainData:
    """Reads the labels of the folder, checking it in memory where it is not described yet.

    Raises:
        DataError: the folder has errors; `seglet data check` lists them all.
        ValueError: the names that are asked for are not those of the data.
    """
    few = request.learn_from == "few"
    described = find_description(request.data)
    if described is not None and request.tags is None and request.shapes is None:
        description = describe_data(request.data)
        _check_asked_names(request, description)
        facts = label_facts(description, few)
        if facts.alone:
            raise DataError(
                f"{str(described)!r} has the single split {facts.train!r}, of which nothing is left to score on; "
                f"`seglet data check {request.data} --val {VAL_SHARE:g}` divides it"
            )
        return ChainData(str(request.data), facts, ())
    if request.data.is_file():
        raise DataError(f"{str(request.data)!r} is a file; give its folder beside --tags or --points")
    return _checked(request, few)


def _checked(request: ChainRequest, few: bool) -> ChainData:
    report, named = _report(request)
    description = report.description if request.shapes is not None else _sound(report, request)
    facts = _shape_facts(description, request) if request.shapes is not None else label_facts(description, few)
    divided = facts.alone and request.shapes is None
    if divided:
        facts = label_facts(divide_split(description, facts.train, VAL_SHARE, ("val", "train"), 0), few)
    if request.shapes is not None and not facts.scored:
        return ChainData("", facts, ())
    file = request.work / "data.json"
    left_out = request.shapes is not None and not report.ok  # images with points alone have no mask
    options = option_words(
        tags=request.tags,
        classes=class_file(request) if named else None,
        leave__out=left_out,
        val=VAL_SHARE if divided else None,
        out=file,
    )
    words = ("data", "check", str(request.data), *options)
    step = ChainStep("check", words, file, "every file and mask is read once")
    return ChainData(str(file), facts, (step,))


def class_file(request: ChainRequest) -> Path:
    """Returns the file of the classes that a request names, in the folder of the work."""
    return request.work / "classes.txt"


def class_lines(request: ChainRequest) -> str:
    """Returns the content of this file: the background, then the classes."""
    names = [name for name in request.names if name.casefold() != "background"]
    return "\n".join(["background", *names, ""])


def _report(request: ChainRequest) -> tuple[CheckReport, bool]:
    """Returns the report of a check, and whether the names of the request are its classes."""
    try:
        found = _check(request, None)
    except DataError:
        if not request.names:
            raise
        found = None
    if not request.names:
        assert found is not None
        return found, False
    if found is not None and found.class_file is not None:
        _check_asked_names(request, found.description)
        return found, False
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / class_file(request).name
        file.write_text(class_lines(request), encoding="utf-8")
        return _check(request, file), True


def _check(request: ChainRequest, classes: Path | None) -> CheckReport:
    with ProgressDisplay("check", 0, "files") as display:

        def show(done: int, total: int) -> None:
            display.expect(total)
            display.advance(done)

        return check_dataset(request.data, classes=classes, progress=show, tags=TagSource(request.tags))


def _sound(report: CheckReport, request: ChainRequest) -> Description:
    try:
        return report.require_ok()
    except DataError as error:
        raise DataError(
            f"{error}\nCorrect them and run `seglet data check {request.data}` until it is content"
        ) from None


def _check_asked_names(request: ChainRequest, description: Description) -> None:
    if request.names and (other := differing_names(request.names, description.classes)):
        there = ", ".join(description.classes.foreground.values())
        raise DataError(
            f"the data have a table of classes, {there}, and {other[0]!r} is only in one of the two lists; leave "
            "--names out, or correct the table"
        )


def _shape_facts(description: Description, request: ChainRequest) -> LabelFacts:
    """Returns facts about the images that shapes are drawn on: all of the folder, until they are imported."""
    folder = images_folder(request.data)
    files = image_files(folder)
    if not files:
        raise DataError(f"{str(folder)!r} holds no images; give the folder with the images that the points are on")
    facts = label_facts(description) if any(description.splits.values()) else None
    size = median_size(files, description.max_pixels)
    if facts is None or facts.alone:
        return LabelFacts("all", "", "", len(files), 0, 0, 0, 0, size, description.classes, False)
    return replace(facts, train="all", images=len(files), masked=0, tagged=0, size=size)


def images_folder(data: Path) -> Path:
    """Returns the folder with the images to learn from: images/train, images, or the folder itself."""
    return next((folder for folder in (data / "images" / "train", data / "images") if folder.is_dir()), data)
