"""Random cells from the grammar of equations, as the text that stands below a cell's name, for hypothesis.

The equation of a state and the output may be bare products, which no other value of the step reads.
"""

from __future__ import annotations

import re

from hypothesis import strategies as st

# No `exp`, `sqrt` or `/`: of a random value they leave the range in which two ways of rounding can be compared.
UNARY = ("sigmoid", "tanh", "relu", "hard_sigmoid", "hard_tanh", "softplus", "abs")
BINARY = ("min", "max")


class _Cell:
    """Collects the weights that the equations ask for."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.weights: dict[str, str] = {}

    def weight(self, shape: str) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = shape
        return name

    def value(self, known: list[str], depth: int) -> str:
        """A vector of `hidden` elements."""
        pick = self.draw(st.integers(0, 8 if depth else 2))
        if pick <= 1:
            return self.draw(st.sampled_from(known))
        if pick == 2:
            return self.product(known)
        if pick == 3:
            return f"{self.draw(st.sampled_from(UNARY))}({self.value(known, depth - 1)})"
        if pick == 4:
            a, b = (self.value(known, depth - 1) for _ in range(2))
            return f"{self.draw(st.sampled_from(BINARY))}({a}, {b})"
        if pick == 5:
            return f"{self.weight('[hidden]')} * {self.draw(st.sampled_from(known))}"
        if pick == 6:
            first = self.draw(st.sampled_from(("1", "0.5", "-1", self.weight("[]"))))
            return f"({first} - {self.value(known, depth - 1)})"
        sign = self.draw(st.sampled_from("+-*"))
        return f"({self.value(known, depth - 1)} {sign} {self.value(known, depth - 1)})"

    def product(self, known: list[str]) -> str:
        operand = self.draw(st.sampled_from(known))
        which = self.draw(st.integers(0, 2))
        if which == 0:
            return f"{self.weight('[hidden, input]')} @ x[t]"
        if which == 1:
            return f"{self.weight('[hidden, hidden + input]')} @ [{operand}, x[t]]"
        return f"{self.weight('[hidden, hidden]')} @ ({operand})"


@st.composite
def cells(draw: st.DrawFn) -> str:
    """A cell with one to three states of `hidden`, some values between, and an output."""
    cell = _Cell(draw)
    states = ["h", "c", "d"][: draw(st.integers(1, 3))]
    before = [f"{s}[t-1]" for s in states]
    known = [*before, cell.product(before)]
    equations = []
    for k in range(draw(st.integers(0, 3))):
        # Where all else cancels it is a vector still, and no sum of them cancels it.
        equations.append(f"v{k} = {cell.value(known, 2)} + {0.21 + 0.16 * k:g} * h[t-1]")
        known.append(f"v{k}")
    for s in states:
        # Bounded, so that nothing runs away over the steps; the last term keeps it a vector if all else cancels.
        equation = f"tanh({cell.value(known, 2)}) * 0.9 + 0.05 * {s}[t-1]"
        if not draw(st.integers(0, 3)):
            equation = cell.product([f"{s}[t-1]", f"tanh({known[-1]})", f"tanh({s}[t-1])"])
        equations.append(f"{s}[t] = {equation}")
        known.append(f"{s}[t]")
    output = draw(st.sampled_from([*states, "y", "y"]))
    if output == "y":  # never one number
        plain = draw(st.booleans())
        equations.append("y = " + (cell.product(known) if plain else f"{cell.value(known, 1)} + h[t] * h[t]"))
    while unread := [e for e in equations if _unread(e, equations, output)]:
        equations = [e for e in equations if e not in unread]
    used = {n: shape for n, shape in cell.weights.items() if any(_has(e, n) for e in equations)}
    lines = [f"state: {{{', '.join(f'{s}: hidden' for s in states)}}}", f"output: {output}"]
    if used:
        lines += ["weights:", *(f"  {n}: {shape}" for n, shape in used.items())]
    return "\n".join([*lines, "equations:", *(f"  - {e}" for e in equations)]) + "\n"


def _unread(equation: str, equations: list[str], output: str) -> bool:
    name = equation.split(" =")[0]
    return "[t]" not in name and name != output and not any(_has(e.split(" =", 1)[1], name) for e in equations)


def _has(equation: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", equation) is not None
