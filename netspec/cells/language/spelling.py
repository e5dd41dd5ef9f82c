"""What a person meant: papers, LaTeX and NumPy write the same things in other ways."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from netspec.cells.functions import PUBLIC
from netspec.source.errors import Hint, did_you_mean, meant, nearest

_PRODUCT = "`@` is the product with a weight matrix, `*` multiplies element by element"
_POWER = "there are no powers: multiply, `a * a`"
_TRANSPOSED = "nothing is transposed: declare the weight the other way round, [rows, columns]"
_TIME = "time stands in square brackets: `h[t]`, `h[t-1]`"
_LETTERS = "a name is made of the letters a to z, digits and `_`: `g`, `c_new`"
_SIGNS = {
    **dict.fromkeys("·⋅•×⊙∘⊗⨀", _PRODUCT),
    **dict.fromkeys("^²³", _POWER),
    **dict.fromkeys("−–—", "write the minus of the keyboard, `-`"),
    **dict.fromkeys("<>≤≥≠", "a condition compares two sizes, with `==` or `!=`"),
    **dict.fromkeys("ₜ₋₁{}", _TIME),
    **dict.fromkeys("'′’ᵀ", _TRANSPOSED),
    "~": _LETTERS,
    ".": _PRODUCT,
    "$": "parameters of a cell are named without `$`",
    "\\": "LaTeX is not read: `sigmoid(W @ [h[t-1], x[t]] + b)`",
    "√": "write `sqrt(…)`",
    "|": "write `abs(…)`",
    ":": "an equation is `name = value`",
    ";": "one equation an item",
    "#": "put a comment behind the equation, after a space",
}

_FUNCTIONS = {
    **{other: meant(other, name) for name, row in PUBLIC.items() for other in row.spellings},
    **dict.fromkeys(("matmul", "mm", "dot", "linear", "mv"), "a product is written `W @ x[t]`"),
    **dict.fromkeys(("concat", "concatenate", "cat", "stack", "hstack", "vstack", "join"),
                    "a concatenation is written `[a, b]`"),
    **dict.fromkeys(("pow", "power", "square"), _POWER),
    **dict.fromkeys(("transpose", "T"), _TRANSPOSED),
    **dict.fromkeys(("softmax", "log_softmax", "sum", "mean", "norm", "layer_norm", "rms_norm", "batch_norm"),
                    "functions work element by element; what sees a whole vector is a product with a weight"),
    "dropout": "the layer's `dropout` stands between layers",
    "where": "a choice by sizes is written `a if input == hidden else b`",
}  # fmt: skip

# h_t, ht, h_t1, h_tm1, h_prev …: a name and a time in one word.
_NOW = re.compile(r"(\w+?)_?(?:t|new|next|cur|current)")
_MINUS_ONE = re.compile(r"-1(?![\w.])")  # `c_t-1`, with no space
_BEFORE = re.compile(r"(\w+?)_?(?:tm1|t_1|t1|t_minus_1|prev|previous|old|last|prior)")


_LEFT = re.compile(r"(\w+)(\[ *t *(?:- *1 *)?\])?\s*$")  # a name with its time, just before a sign
_RIGHT = re.compile(r"\s*(\w+(?:\[ *t *(?:- *1 *)?\])?)")
_MARKS = "\u0302\u0303\u0304\u0305"  # hat, tilde and bar: papers write a candidate so


def sign_hint(written: str, at: int) -> str:
    """What stands for a character that equations do not have; its neighbours tell what is meant."""
    sign, before, after = written[at], written[:at], written[at + 1 :]
    left, right = _LEFT.search(before), _RIGHT.match(after)
    if unicodedata.combining(sign):
        return _LETTERS
    if sign in "'′’~" and left and not left[1][:1].isupper() and (left[2] or "[t]").replace(" ", "") == "[t]":
        return _candidate(left[1])
    if sign == "~" and right:
        return _candidate(right[1].partition("[")[0])
    if sign == "." and left and re.match(r"(?:T|t\(\))(?!\w)", after):
        return _TRANSPOSED
    if sign == "." and left:
        product = "@" if left[1][0].isupper() and not left[2] else "*"
        return f"write `{left[0].strip()} {product} {right[1] if right else '…'}`: {_PRODUCT}"
    if sign == ";" and before.count("[") > before.count("]"):
        return "write a comma: `[a, b]`"
    return _SIGNS.get(sign, "")


def _candidate(name: str) -> str:
    return f"write `{name}_new`, a name like any other"


def name_hint(name: str) -> str:
    """How a name with other letters than a to z is written."""
    letters, time, rest = name.partition("ₜ")
    marked = unicodedata.normalize("NFD", letters)
    if any(mark in marked for mark in _MARKS):
        return _candidate(_plain(letters))
    if time:
        index = "t" + _plain(rest, "")
        if index in ("t", "t-1"):
            return f"write `{_plain(letters)}[{index}]`"
        return time_hint(index) or _TIME
    if name in _FUNCTIONS:  # σ
        return _FUNCTIONS[name]
    if name[-1] in "²³":
        return _POWER
    return f"write `{_plain(name)}`"


def time_hint(time: str) -> str:
    """What to do about another time than `t` and `t-1`."""
    if time.startswith("t-"):
        return "an older value needs a state of its own that hands it on: `older[t] = h[t-1]`"
    if time.startswith("t+"):
        return "a step gives `h[t]` from `h[t-1]`; what comes later is not known to it"
    if time.isdigit():
        return "a cell has no first step of its own: the layer's `initial_state` is what `h[t-1]` is there"
    return ""


def _plain(name: str, otherwise: str = "g") -> str:
    out = ""
    for char in name:
        called = unicodedata.name(char, "").split()
        if called[:1] == ["GREEK"] and "LETTER" in called:
            out += called[called.index("LETTER") + 1].lower()
        else:
            out += unicodedata.normalize("NFKD", char).replace("−", "-").encode("ascii", "ignore").decode()
    return out or otherwise


def function_hint(name: str) -> str:
    """What stands for a function that is not in the table."""
    if name.lower() in PUBLIC:
        return meant(name, name.lower())
    near = nearest(name.lower(), PUBLIC)
    return _FUNCTIONS.get(name) or (meant(name, near) if near else f"functions: {', '.join(PUBLIC)}")


def timed_hint(name: str, states: Collection[str], after: str = "") -> str:
    """`h_prev`, `x_t`: a state or the input with its time in the name; empty when it is none.

    `after` is the text behind the name: `c_t-1` is the state before the step, not `c[t] - 1`.
    """
    if name.endswith("t") and _MINUS_ONE.match(after) and (match := _NOW.fullmatch(name)) and match[1] in states:
        return f"write `{match[1]}[t-1]`"
    for pattern, time, known in ((_BEFORE, "t-1", states), (_NOW, "t", [*states, "x"])):
        match = pattern.fullmatch(name)
        if match and match[1] in known:
            return Hint(f"write `{match[1]}[{time}]`", name, f"{match[1]}[{time}]")
    return ""


def near_name(name: str, known: Collection[str], otherwise: str) -> str:
    """A known name that differs in its capital letters or a little."""
    same = next((k for k in known if k.lower() == name.lower()), "")
    return meant(name, same) if same else did_you_mean(name, known, otherwise)
