"""`seglet.auto`: from a folder of images and cheap labels to a checked ONNX file."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from seglet.chain.request import USUAL_MINUTES, ChainRequest
from seglet.chain.run import FinishedChain, prepare_chain, run_chain
from seglet.chain.summary import chain_result, plan_text, result_text
from seglet.engine.console import print_message
from seglet.inference.job_report import JobReport


def auto(
    data: str | PathLike[str],
    *,
    out: str | PathLike[str] = "model.onnx",
    work: str | PathLike[str] = "runs/auto",
    names: Sequence[str] = (),
    tags: str | PathLike[str] | None = None,
    points: str | PathLike[str] | None = None,
    teacher: str | PathLike[str] | None = None,
    learn_from: str = "",
    minutes: float = USUAL_MINUTES,
    steps: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    **more: Any,
) -> JobReport:
    """Makes a small segmenter from the labels that are there, as `seglet auto` does, by commands that are printed.

    The same call goes on after an interruption.

    Args:
        data: folder of images, or of a data set.
        out: the ONNX file to write.
        work: folder of everything made on the way.
        names: classes without the background; those of the data if not given.
        tags: file or folder with the tags of the images, where they do not lie beside them.
        points: export of a labelling tool with points, lines or boxes.
        teacher: a segmenter that teaches the student, beside masks.
        learn_from: masks, few, tags or points, if there are several.
        minutes: time on a processor, by which steps of training are chosen.
        steps: steps of each training instead.
        overwrite: throw away an earlier chain in `work`, and `out`.
        dry_run: only plan; the report says the way, its reason and the commands.
        **more: `clip`, `groups`, `rounds` and `seed`, as the options of the command.

    Returns:
        A report whose text says what was made, its score, size and speed.

    Raises:
        ValueError: nothing can be learned from the labels, `work` holds another chain, or a command fails.
    """
    request = ChainRequest(
        data=Path(data),
        out=Path(out),
        work=Path(work),
        names=tuple(names),
        tags=_path(tags),
        shapes=_path(points),
        teacher=str(_path(teacher) or ""),
        learn_from=learn_from,
        minutes=minutes,
        steps=steps,
        **more,
    )
    plan = prepare_chain(request, overwrite)
    text = plan_text(plan, request)
    if dry_run:
        return JobReport(request.out, plan.as_dict(), text.splitlines())
    print_message(text)
    return _report(run_chain(request, plan, overwrite))


def _report(done: FinishedChain) -> JobReport:
    return JobReport(done.request.out, chain_result(done), result_text(done).splitlines())


def _path(given: str | PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given)
