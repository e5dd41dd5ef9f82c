"""What a person meant: papers, LaTeX and NumPy write the same things in other ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from netspec.source.errors import did_you_mean

_PRODUCT = "`@` is the product with a weight matrix, `*` multiplies element by element"
_POWER = "there are no powers: multiply, `a * a`"
_TRANSPOSED = "nothing is transposed: declare the weight the other way round, [rows, columns]"
_SIGNS = {
    **dict.fromkeys("·⋅•×⊙∘⊗⨀", _PRODUCT),
    **dict.fromkeys("^²³", _POWER),
    **dict.fromkeys("−–—", "write the minus of the keyboard, `-`"),
    **dict.fromkeys("<>≤≥≠", "a condition compares two sizes, with `==` or `!=`"),
    **dict.fromkeys("ₜ₋₁{}", "time stands in square brackets: `h[t]`, `h[t-1]`"),
    **dict.fromkeys("'′ᵀ.", _TRANSPOSED),
    "$": "parameters of a cell are named without `$`",
    "\\": "LaTeX is not read: `sigmoid(W @ [h[t-1], x[t]] + b)`",
    "√": "write `sqrt(…)`",
    "|": "write `abs(…)`",
    ":": "an equation is `name = value`",
    ";": "one equation an item",
    "#": "put a comment behind the equation, after a space",
}

_FUNCTIONS = {
    **dict.fromkeys(("sigma", "sigm", "logistic", "logsig"), "did you mean `sigmoid`?"),
    **dict.fromkeys(("th", "tansig", "hyperbolic_tangent"), "did you mean `tanh`?"),
    **dict.fromkeys(("matmul", "mm", "dot", "linear", "mv"), "a product is written `W @ x[t]`"),
    **dict.fromkeys(("concat", "concatenate", "cat", "stack", "hstack", "vstack", "join"),
                    "a concatenation is written `[a, b]`"),
    **dict.fromkeys(("pow", "power", "square"), _POWER),
    **dict.fromkeys(("transpose", "T"), _TRANSPOSED),
    **dict.fromkeys(("softmax", "log_softmax", "sum", "mean", "norm", "layer_norm", "rms_norm", "batch_norm"),
                    "functions work element by element; what sees a whole vector is a product with a weight"),
    **dict.fromkeys(("silu", "swish"), "write it out: `a * sigmoid(a)`"),
    **dict.fromkeys(("clip", "clamp"), "write `min(max(a, -1), 1)`"),
    "maximum": "did you mean `max`?",
    "minimum": "did you mean `min`?",
    "leaky_relu": "write `max(a, 0.01 * a)`",
    "dropout": "the layer's `dropout` stands between layers",
    "where": "a choice by sizes is written `a if input == hidden else b`",
}  # fmt: skip

# h_t, ht, h_t1, h_tm1, h_prev …: a name and a time in one word.
_NOW = re.compile(r"(\w+?)_?(?:t|new|next|cur|current)")
_BEFORE = re.compile(r"(\w+?)_?(?:tm1|t_1|t1|t_minus_1|prev|previous|old|last|prior)")


def sign_hint(sign: str) -> str:
    """What stands for a character that equations do not have."""
    if unicodedata.combining(sign):
        return "a name is made of the letters a to z, digits and `_`: `g`, `c_new`"
    return _SIGNS.get(sign, "")


def name_hint(name: str) -> str:
    """How a name with other letters than a to z is written."""
    if "ₜ" in name:
        return f"write `{_plain(name.split('ₜ')[0])}[t]`"
    if name in ("σ", "σg", "σh", "σ_g", "σ_h", "σ_c"):
        return "did you mean `sigmoid`?"
    return f"write `{_plain(name)}`"


def _plain(name: str) -> str:
    out = ""
    for char in name:
        called = unicodedata.name(char, "").split()
        if called[:1] == ["GREEK"] and "LETTER" in called:
            out += called[called.index("LETTER") + 1].lower()
        else:
            out += unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return out or "g"


def function_hint(name: str, known: Collection[str]) -> str:
    """What stands for a function that is not in the table."""
    same = next((f for f in known if f == name.lower()), "")
    if same:
        return f"did you mean `{same}`?"
    return _FUNCTIONS.get(name) or did_you_mean(name.lower(), known, f"functions: {', '.join(known)}")


def timed_hint(name: str, states: Collection[str]) -> str:
    """`h_prev`, `x_t`: a state or the input with its time in the name; empty when it is none."""
    for pattern, time, known in ((_BEFORE, "t-1", states), (_NOW, "t", [*states, "x"])):
        found = pattern.fullmatch(name)
        if found and found[1] in known:
            return f"write `{found[1]}[{time}]`"
    return ""


def near_name(name: str, known: Collection[str], otherwise: str) -> str:
    """A known name that differs in its capital letters or a little."""
    same = next((k for k in known if k.lower() == name.lower()), "")
    return f"did you mean `{same}`?" if same else did_you_mean(name, known, otherwise)
