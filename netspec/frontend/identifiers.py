"""What may be a name: of a layer, a path, an input, an output, a parameter."""

from __future__ import annotations

import keyword
import re

from netspec.source.errors import Problem, Problems
from netspec.source.text import Span, show

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_NAME = 100

# Attributes of torch.nn.Module and torch.fx.GraphModule; a submodule of such a name would hide them.  Those that
# begin with `_` are refused as a whole.
TORCH_NAMES = frozenset(
    """
    add_module add_submodule apply bfloat16 buffers call_super_init children code compile cpu cuda
    delete_all_unused_submodules delete_submodule double dump_patches eval extra_repr float forward get_buffer
    get_extra_state get_parameter get_submodule graph half ipu load_state_dict meta modules mtia named_buffers
    named_children named_modules named_parameters parameters print_readable recompile register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule shape_env share_memory state_dict T_destination to to_empty to_folder train
    training type xpu zero_grad
    """.split()  # noqa: SIM905 - a list of them would be as many lines
)


# Names that generated code uses itself; an argument of such a name would hide them.
CODE_NAMES = frozenset(
    ["self", "torch", "operator", "getattr", "device", "inf", "nan", "NoneType", "fx_pytree", "pytree"]
)


def check_name(name: str, span: Span, what: str, problems: Problems, *, module: bool = True) -> None:
    """Report a name that Python or, for a `module`, PyTorch cannot give (NS206)."""
    if not IDENTIFIER.fullmatch(name) or keyword.iskeyword(name) or len(name) > MAX_NAME:
        problems.append(
            Problem(
                "NS206",
                f"{what} cannot be named {show(name)}",
                span,
                f"a name is made of letters, digits and `_` (no digit first, at most {MAX_NAME}), and no "
                "keyword of Python",
            )
        )
    elif name == "self" or (not module and name in CODE_NAMES):
        problems.append(
            Problem(
                "NS206",
                f"{what} cannot be named `{name}`: the code that PyTorch runs uses the name itself",
                span,
                f"for example `{name}_1`",
            )
        )
    elif module and (name in TORCH_NAMES or name.startswith("_")):
        problems.append(
            Problem(
                "NS206",
                f"{what} cannot be named `{name}`: modules of PyTorch have attributes of such names",
                span,
                f"for example `{name.strip('_') or 'layer'}_1`",
            )
        )
