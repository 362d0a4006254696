"""`seglet doctor`: what this installation can do, what it lacks, and how to mend it."""

import argparse
from collections.abc import Callable
from dataclasses import asdict

from seglet.cli import diagnosis
from seglet.cli.diagnosis import Finding
from seglet.cli.output import answer
from seglet.cli.parsing import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    findings = [finding for look in diagnosis.EXAMINATIONS for finding in examined(look)]
    broken = [finding for finding in findings if finding.state == "broken"]
    verdict = f"{len(broken)} things are broken" if broken else "everything that is needed works"
    hint = "mend them and run `seglet doctor` again" if broken else "next: seglet train supervised --steps 200"
    content = {"ok": not broken, "findings": [asdict(finding) for finding in findings]}
    answer("\n".join([*map(str, findings), "", verdict, hint]), content, arguments.json)
    return 2 if broken else 0


def examined(look: Callable[[], list[Finding]]) -> list[Finding]:
    """What `look` finds; whatever it stumbles over is a finding too."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  a doctor must not faint
        return [Finding(look.__name__, "broken", f"{type(error).__name__}: {error}")]
