"""Tasks of papers on sequences, generated from a seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from netspec.data.network import Network
from netspec.data.sources.base import DataSource

if TYPE_CHECKING:
    from netspec.data.generated_sequences import Sequences
    from netspec.data.raw import Raw


@dataclass(frozen=True)
class SequenceTask(DataSource, ABC):
    """Sequences that are made from a seed, as a paper has them; new ones to predict are arrays."""

    measured: ClassVar[bool] = False
    predicted_from: ClassVar[str] = "npz"

    @abstractmethod
    def make(self) -> Sequences:
        """The sequences of the seed."""

    def read(self, network: Network) -> Raw:
        from netspec.data.sequence_inputs import raw_of_sequences

        return raw_of_sequences(self.make(), self.name, network, self.span_at())
