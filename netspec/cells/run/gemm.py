"""Matrix products of a whole sequence: torch's, or oneDNN's where it is faster.

torch's own float32 product on a CPU goes to a library that uses half the vector width of some processors (measured: 190
against 440 GFLOP/s); `mkldnn::_linear_pointwise`, which torch.compile emits, reaches oneDNN directly.
"""

from __future__ import annotations

import torch
from torch import Tensor

# M rows (steps times batch), N outputs, K inputs
MIN_ROWS = 32  # below, the call itself costs more


def _onednn(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[0] >= MIN_ROWS
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _product(x_MK: Tensor, w_NK: Tensor) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x_MK, w_NK, None, "none", [], "")  # type: ignore[no-any-return]  # torch's


def linear(x_MK: Tensor, w_NK: Tensor) -> Tensor:
    """x @ wᵀ."""
    return _product(x_MK.contiguous(), w_NK) if _onednn(x_MK) else x_MK @ w_NK.t()


def gradient_of_input(g_MN: Tensor, w_NK: Tensor) -> Tensor:
    """g @ w: the gradient of the input of `linear`."""
    return _product(g_MN.contiguous(), w_NK.t()) if _onednn(g_MN) else g_MN @ w_NK


def gradient_of_weight(g_MN: Tensor, x_MK: Tensor) -> Tensor:
    """gᵀ @ x: the gradient of the weight of `linear`."""
    if _onednn(g_MN):
        # This form is the fastest of the four.  Of some columns of a wider matrix oneDNN takes 10 s in place of 10 ms.
        return _product(x_MK.t().contiguous(), g_MN.contiguous().t()).t()
    return g_MN.t() @ x_MK
