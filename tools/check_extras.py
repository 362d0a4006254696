"""Checks that every extra can be installed with `constraints.txt`: `python -m tools.check_extras [EXTRA …]`.

pip works out what it would install and installs nothing. It asks an index, so this is no test: the workflow runs it.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def extras() -> list[str]:
    """Returns the names of the extras in `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["optional-dependencies"])


def check_extra(extra: str) -> str:
    """Returns why pip cannot install an extra with the constraints; empty if it can."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet",
               "--disable-pip-version-check", "--constraint", "constraints.txt", f".[{extra}]"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""


def main() -> int:
    """Checks the extras that are named, or all; 0 if all can be installed."""
    failed = 0
    for extra in sys.argv[1:] or extras():
        reason = check_extra(extra)
        failed += bool(reason)
        sys.stdout.write(f"{extra}: {reason or 'can be installed'}\n")
        sys.stdout.flush()
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
