"""`seglet.train`: one experiment, from its keys to a trained segmenter."""

import sys
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from seglet.api.experiment import MethodLike, resolve
from seglet.api.prepare import prepare_offline
from seglet.engine.experiment import Experiment
from seglet.engine.processes import is_first_process, started_by_torchrun
from seglet.engine.run import Run, default_run_name
from seglet.engine.train import StartOptions, train_experiment
from seglet.values import ConfigError


def train(
    method: MethodLike | None = None,
    *,
    out: str | PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    force: bool = False,
    prepare: bool = True,
    **keys: Any,
) -> Run:
    """Trains a segmenter, as `seglet train` does, with progress on stderr.

    Ctrl-C stops after the step, with everything saved; `seglet.train(out=…, resume=True)` goes on exactly there.

    Several devices need a script that is started as a program: `devices=2` starts it once more for each of them, so
    keep the call under `if __name__ == "__main__":`; torchrun works too, after `seglet.prepare`. In a notebook or at
    the prompt there is one device.

    Args:
        method: a method's name; an experiment file (YAML), with `#ROW` for a row of a table; or the class of a method
            of your own. Not needed to resume.
        out: the run's folder; runs/METHOD-FILE if not given.
        resume: go on where the run in `out` was interrupted.
        overwrite: throw the run in `out` away first.
        force: resume although the experiment has changed.
        prepare: compute the offline columns that the method reads and that are not there; else their lack is an error.
        **keys: every key of the experiment, as on the command line: `data`, `steps`, `crop`, …; `seglet train METHOD
            --keys` lists them. Paths, and runs for models, are taken as such. With `data` and a method's name alone,
            what is not given is chosen for the images and this machine, and printed with the reasons.

    Returns:
        The run: `model` and `last` are the folders of the best and of the last segmenter, `read_metrics()` has the
        scores.

    Raises:
        ConfigError: no such method or key (the message names the nearest), a value is wrong, or `out` holds a run.
        DataError: the data are not sound.
    """
    if method is None and (out is None or not resume):
        raise ConfigError("which experiment? give a method's name or an experiment file, or `out` with `resume=True`")
    experiment = _experiment(method, out, resume, keys)
    folder = Path("runs") / default_run_name(experiment.method, experiment.source) if out is None else Path(out)
    _check_devices(experiment)
    if prepare and is_first_process() and not started_by_torchrun():
        prepare_offline(experiment, "auto" if experiment.settings.accelerator != "cpu" else "cpu")
    return train_experiment(experiment, folder, StartOptions(resume, overwrite, force))


def _experiment(
    method: MethodLike | None, out: str | PathLike[str] | None, resume: bool, keys: Mapping[str, Any]
) -> Experiment:
    """Returns the experiment of a run; one that is resumed keeps what was chosen when it began."""
    if not resume or out is None:
        return resolve(method or "", keys, choose=True)
    if method is None:
        return resolve(Path(out) / "experiment.yaml", keys)
    from seglet.engine.choose import earlier_choices

    return resolve(method, {**earlier_choices(Path(out)), **keys})


def _check_devices(experiment: Experiment) -> None:
    """Raises an error for several devices where there is no program that could be started again."""
    interactive = getattr(sys, "ps1", None) is not None
    if experiment.settings.devices > 1 and interactive:
        raise ConfigError(
            f"devices: {experiment.settings.devices} processes cannot be started from a notebook or a prompt; take "
            "devices=1, or write a script, or use `seglet train`"
        )
