"""What a recurrent layer gives out under its own name."""

from __future__ import annotations

from typing import Literal

# Every output (B, T, O); of each direction the output at its own last step (B, O); the packed final state (B, R, S).
Returns = Literal["sequence", "last", "state"]
