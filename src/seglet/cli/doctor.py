"""`seglet doctor`: checks this installation and names remedies."""

import argparse
from collections.abc import Callable
from dataclasses import asdict

from seglet.cli import diagnosis
from seglet.cli.diagnosis import Finding
from seglet.cli.licences import package_licences, weight_licences
from seglet.cli.output import print_result
from seglet.cli.parsing import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--licences", action="store_true", help="list the licences of installed dependencies and of known weights"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.licences:
        packages, weights = package_licences(), weight_licences()
        lines = [f"packages ({len(packages)})", *map(str, packages), "", "weights", *map(str, weights)]
        listed = {"packages": [asdict(one) for one in packages], "weights": [asdict(one) for one in weights]}
        print_result("\n".join(lines), listed, arguments.json)
        return 0
    findings = [finding for check in diagnosis.CHECKS for finding in _run_check(check)]
    broken = [finding for finding in findings if finding.state == "broken"]
    summary = f"{len(broken)} things are broken" if broken else "everything that is needed works"
    hint = (
        "follow the remedies and run `seglet doctor` again" if broken else "next: seglet train supervised --steps 200"
    )
    content = {"ok": not broken, "findings": [asdict(finding) for finding in findings]}
    print_result("\n".join([*map(str, findings), "", summary, hint]), content, arguments.json)
    return 2 if broken else 0


def _run_check(check: Callable[[], list[Finding]]) -> list[Finding]:
    """Returns the findings of a check; an unexpected error is a finding too."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001  the other checks must go on
        return [Finding(check.__name__.removeprefix("check_"), "broken", f"{type(error).__name__}: {error}")]
