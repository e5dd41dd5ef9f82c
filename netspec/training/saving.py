"""The files of a run that hold weights: what is written of a training in progress, and how it goes on from them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from netspec.recipe.config import TrainConfig
from netspec.source.errors import NetspecError
from netspec.training.checkpoint import load_checkpoint, save_checkpoint
from netspec.training.runs import BEST, CHECKPOINT, LAST
from netspec.training.state import Progress, Scaler
from netspec.training.weights import Weights, save_weights, shared_names


class Saver:
    """Checkpoint, best and last weights.  `spec`: the hash of the text that is trained."""

    def __init__(
        self,
        folder: Path,
        spec: str,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        device: torch.device,
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.module = module
        self.optimizer = optimizer
        self.scaler = scaler
        self.device = device
        self.best: Weights | None = None
        self._best_saved = False

    def keep_best(self) -> None:
        """The weights as they are now are the best so far."""
        state = self.module.state_dict()
        if self.best is None:
            again = shared_names(state)
            self.best = {name: tensor.detach().clone() for name, tensor in state.items() if name not in again}
        else:
            for name, tensor in self.best.items():
                tensor.copy_(state[name])
        self._best_saved = False

    def save(self, progress: Progress, carried: Weights) -> None:
        """`carried`: what recurrent layers go on from.  Raises NS623 for weights that are not finite, NS624."""
        for name, tensor in self.module.state_dict().items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                where = f"epoch {progress.epoch + 1}, batch {progress.batch}"
                raise NetspecError(
                    "NS623",
                    f"{name} is not finite in {where}",
                    hint="lower `lr` or add `clip: 1.0`; what was saved before is there",
                )
        progress.scaler = Scaler(**self.scaler.state_dict()) if self.scaler.is_enabled() else None
        save_checkpoint(
            self.folder / CHECKPOINT, self.spec, progress, self.module, self.optimizer, self.best, self.device, carried
        )
        if self.best is not None and not self._best_saved:
            save_weights(self.folder / BEST, self.module, self.best, epoch=str(progress.best_epoch))
            self._best_saved = True
        save_weights(self.folder / LAST, self.module, epoch=str(progress.epoch))

    def resume(self, config: TrainConfig, steps: int) -> tuple[Progress, Weights] | None:
        """Put back the checkpoint; gives how far it was, and what recurrent layers go on from.  None: there is none.

        `steps`: batches an epoch.  Raises NS622.
        """
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        progress, self.best, carried = load_checkpoint(
            path, self.spec, config, steps, self.module, self.optimizer, self.device
        )
        if progress.scaler is not None:
            self.scaler.load_state_dict(asdict(progress.scaler))
        return progress, carried
