"""The Dockerfile of the REST server names files, extras and options that there are. No image is built here."""

import json
import re
import tomllib

from tests.documents import ROOT, text

from seglet.cli import serve
from seglet.cli.parsing import Parser

LINES = re.sub(r"\\\n\s*", "", text("deploy/serve/Dockerfile")).splitlines()


def words(instruction: str) -> list[str]:
    """Returns what stands behind an instruction, in all of its lines."""
    return [line.removeprefix(instruction).strip() for line in LINES if line.startswith(f"{instruction} ")]


def test_it_copies_files_that_are_there_and_all_that_the_package_is_built_of() -> None:
    copied = {name for line in words("COPY") for name in line.split()[:-1]}
    project = tomllib.loads(text("pyproject.toml"))
    assert all((ROOT / name).exists() for name in copied)
    assert copied >= {"src", "configs", project["project"]["readme"], *project["project"]["license-files"]}


def test_it_installs_extras_that_there_are_as_tested() -> None:
    [installed] = words("RUN")
    extras = {name for names in re.findall(r"\.\[([\w,]+)\]", installed) for name in names.split(",")}
    assert extras == {"serve", "export"}
    assert extras <= tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"].keys()
    assert installed.count("pip install") == installed.count("-c constraints.txt") == 2


def test_its_command_is_one_of_seglet_and_is_asked_for_its_health() -> None:
    assert [json.loads(line) for line in words("ENTRYPOINT")] == [["seglet", "serve"]]
    parser = Parser("serve")
    serve.add_arguments(parser)
    given = parser.read(json.loads(words("CMD")[0]))
    [health] = words("HEALTHCHECK")
    assert (given.host, words("EXPOSE")) == ("0.0.0.0", [str(given.port)])
    assert f"http://127.0.0.1:{given.port}/health" in health


def test_it_does_not_run_as_root() -> None:
    [user] = words("USER")
    assert f" {user}" in words("RUN")[0].partition("useradd")[2]
    assert LINES.index(f"USER {user}") < next(n for n, line in enumerate(LINES) if line.startswith("ENTRYPOINT"))
