"""Saving the state of training, and restoring it when a run is resumed."""

from typing import Any

import lightning

from seglet.engine.callbacks import AfterStep, StopOnSignal
from seglet.engine.checkpoint import CheckpointError, checkpoint_name, delete_old_checkpoints, save_checkpoint
from seglet.engine.module import TrainingModule
from seglet.engine.run import Run
from seglet.engine.validation import Validation, out_of_patience
from seglet.methods.base import Method


class SaveCheckpoints(AfterStep):
    """Saves a checkpoint every `checkpoint_every` steps, and at once when training stops or is asked to."""

    def __init__(self, run: Run, validation: Validation, stop: StopOnSignal) -> None:
        self.run = run
        self.validation = validation
        self.stop = stop

    def act(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        stopping = self.stop.agreed(trainer)
        due = module.step % module.settings.checkpoint_every == 0 or module.step == module.settings.steps
        if due or stopping or out_of_patience(module.step, self.validation.best_step, module.settings):
            self.save(trainer, module)
        if stopping:
            trainer.should_stop = True

    def save(self, trainer: lightning.Trainer, module: TrainingModule) -> None:
        """Saves the state of training, and deletes the oldest checkpoints; in the first process only."""
        if not trainer.is_global_zero:
            return
        state = {
            "step": module.step,
            "method": module.method.state_dict(),
            "optimiser": trainer.optimizers[0].state_dict(),
            "precision": trainer.precision_plugin.state_dict(),
            "best": {"score": self.validation.best, "step": self.validation.best_step},
        }
        save_checkpoint(self.run.checkpoints / checkpoint_name(module.step), state)
        delete_old_checkpoints(self.run.checkpoints, module.settings.keep_checkpoints, module.step)


class RestoreOptimiser(lightning.Callback):
    """Restores optimiser and loss scaler from a checkpoint; weight decay and the like are the experiment's."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        optimiser = trainer.optimizers[0]
        chosen = [{key: value for key, value in group.items() if key != "params"} for group in optimiser.param_groups]
        for saved, wanted in zip(self.state["optimiser"]["param_groups"], chosen, strict=True):
            if saved.keys() - {"params"} != wanted.keys():
                raise CheckpointError(
                    "the checkpoint's optimiser is another one than the experiment's; start again with --overwrite"
                )
        optimiser.load_state_dict(self.state["optimiser"])
        for group, wanted in zip(optimiser.param_groups, chosen, strict=True):
            group.update(wanted)
        if self.state["precision"]:
            trainer.precision_plugin.load_state_dict(self.state["precision"])


def restore_weights(method: Method[Any], state: Any) -> None:
    """Loads the method's weights and buffers from the state of a checkpoint.

    Raises:
        CheckpointError: they are those of other networks.
    """
    try:
        method.load_state_dict(state["method"])
    except RuntimeError as error:
        raise CheckpointError(
            f"the checkpoint holds other networks than this experiment; start again with --overwrite: {error}"
        ) from error
