"""A chain in words: its plan, and what it made with score and split, size, speed, and the next command."""

from typing import Any

from seglet.chain.plan import ChainPlan
from seglet.chain.request import ChainRequest
from seglet.chain.run import CHAIN_RECORD, FinishedChain
from seglet.engine.console import format_duration
from seglet.files import read_json


def plan_text(plan: ChainPlan, request: ChainRequest) -> str:
    """Returns the plan for people: the labels, the way and its reason, and each command."""
    lines = [plan.labels, f"way: {plan.way.labels}; {plan.way.reason}", ""]
    for number, step in enumerate(plan.steps, 1):
        time = f", about {format_duration(step.seconds)}" if step.seconds else ""
        about = f"{step.about}{time}".lstrip(", ")
        lines += [f"{number}. {step.name}" + (f": {about}" if about else ""), f"   {step.command}"]
    if not plan.scored:
        lines.append("Nothing is scored: no image has a mask that is not learned from.")
    limit = f"{request.steps} steps, as given" if request.steps else f"steps chosen for {request.minutes:g} minutes"
    return "\n".join([*lines, "", f"about {format_duration(plan.seconds)} on this machine ({limit})"])


def chain_result(done: FinishedChain) -> dict[str, Any]:
    """Returns what the chain made, as plain values for JSON."""
    work, request = done.request.work, done.request
    exported = read_json(work / "export.json")
    result: dict[str, Any] = {
        "out": str(request.out),
        "student": str(done.plan.student / "model"),
        "learned_from": done.plan.way.labels,
        "bytes": exported["bytes"],
        "milliseconds": exported["milliseconds"]["exported"],
        "timed_at": exported["timed_at"],
        "seconds": dict(done.seconds),
        "record": str(work / CHAIN_RECORD),
        "scored": done.plan.scored or None,
        "miou": None,
    }
    if done.plan.scored:
        scores = read_json(work / "scores.json")
        result |= {"miou": scores["miou"], "interval": scores["intervals"]["miou"], "report": str(work / "report.html")}
    return result


def result_text(done: FinishedChain) -> str:
    """Returns what the chain made, for people."""
    result, height_width = chain_result(done), "x".join(map(str, chain_result(done)["timed_at"]))
    resize = "" if done.plan.resize == 1 else f" --resize {done.plan.resize:g}"
    score = "not scored: no image has a mask that was not learned from; draw some, and `seglet evaluate` on them"
    if result["miou"] is not None:
        ends = [f"{100 * end:.1f}" for end in result["interval"] or ()]
        between = f" (95 %: {' – '.join(ends)})" if ends else ""
        score = f"mIoU {100 * result['miou']:.2f} %{between} on split {result['scored']!r}"
    size = f"{result['bytes'] / 1e6:.2f} MB, {result['milliseconds']:.0f} ms for {height_width} pixels"
    lines = [
        "",
        f"{result['out']}: a student that learned from {result['learned_from']}, {size}",
        score,
        f"the segmenter is in {result['student']}, the record in {result['record']}",
        *([f"errors, image by image: {result['report']}"] if "report" in result else []),
        f"{format_duration(sum(done.seconds.values()))} in all",
        f"next: seglet predict {result['out']} IMAGES --out predictions{resize}",
    ]
    return "\n".join(lines)
