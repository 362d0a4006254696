"""Lightning's trainer, with everything switched off that seglet does itself."""

import logging
import warnings
from pathlib import Path

import lightning
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from seglet.engine.module import TrainingModule
from seglet.engine.processes import node_count, started_by_torchrun
from seglet.engine.settings import Settings
from seglet.engine.training_loader import TrainingDataModule
from seglet.values import ConfigError

_HARMLESS_WARNINGS = (
    "does not have many workers",
    "GPU available but not used",
    "isinstance.treespec, LeafSpec.",
    "in eval mode at the start",
)


class LostProcessError(ValueError):
    """A process that shares the training has ended."""


def build_trainer(
    settings: Settings, begin: int, folder: Path, callbacks: list[lightning.Callback]
) -> lightning.Trainer:
    """Builds a trainer for the steps from `begin` on, without Lightning's validation, logs, checkpoints and bars.

    In a job of SLURM, Lightning would save pickles in the folder of work, begin any later training there from them, and
    queue the job again. It is not told of SLURM, and given a folder inside the run that is never made.
    """
    nodes = node_count()
    # Filling new memory costs a fifth of a step; every kernel writes all that it reads.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for text in _HARMLESS_WARNINGS:
        warnings.filterwarnings("ignore", f".*{text}.*")
    return lightning.Trainer(
        max_steps=settings.steps - begin,
        max_epochs=-1,
        accelerator=settings.accelerator,
        devices=settings.devices // nodes,
        num_nodes=nodes,
        strategy="ddp" if settings.devices > 1 else "auto",
        plugins=[_environment()],
        default_root_dir=folder / ".lightning",
        precision=settings.precision,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip,
        sync_batchnorm=settings.sync_bn,
        deterministic="warn" if settings.deterministic else False,
        use_distributed_sampler=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )


def _names_dead_worker(error: BaseException | None) -> bool:
    """Checks an error and those behind it: torch raises this one wherever the process is when a worker dies."""
    while error is not None:
        if "DataLoader worker (pid" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _environment() -> ClusterEnvironment:
    """Returns who started the processes: torchrun, or Lightning itself; no other launcher is supported."""
    return TorchElasticEnvironment() if started_by_torchrun() else LightningEnvironment()


def fit_module(trainer: lightning.Trainer, module: TrainingModule, data: TrainingDataModule) -> None:
    """Trains the module; keyboard interrupts and lost processes are raised as such, not as Lightning reports them.

    Raises:
        LostProcessError: another process of the run ended.
        ConfigError: there are checkpoints of Lightning's, which would be loaded in a job of SLURM; or teachers cannot
            be divided.
    """
    if foreign := sorted(Path(trainer.default_root_dir).glob("hpc_ckpt_*")):
        raise ConfigError(f"{str(foreign[0])!r} is no file of seglet's; remove it")
    try:
        trainer.fit(module, data)
    except SystemExit as left:
        if isinstance(left.__context__, KeyboardInterrupt):
            raise left.__context__ from None
        raise
    except RuntimeError as error:
        if _names_dead_worker(error):
            raise LostProcessError(
                f"a loading process died ({error}); most often memory ran out: lower --workers, --crop or --cache; "
                "go on with --resume"
            ) from error
        if module.sharded and "DTensor" in str(error):
            raise ConfigError(
                "strategy: fsdp: this method reads weights within the blocks of a teacher, which are divided among the "
                "devices; give --strategy ddp"
            ) from error
        if trainer.world_size > 1 and "by peer" in str(error):
            raise LostProcessError("another process of this run ended; its own message says why") from error
        raise
