"""The schedule of a step: which values stand before, in and after the loop, and what the targets read from it."""

from __future__ import annotations

import pytest
from recurrences import cell_of

from netspec.cells.ir.dag import Value
from netspec.cells.ir.lower import step_of
from netspec.cells.ir.program import program_of
from netspec.cells.ir.schedule import StepSchedule, Stretch, schedule_of
from netspec.cells.onnx.scan_plan import ScanPlan

CELL = """
state: {h: hidden, last: input}
output: y
weights:
  W, V: [hidden, hidden]
  U, L: [hidden, input]
  b: [hidden]
equations:
  - gate = sigmoid(V @ b)
  - h[t] = tanh(U @ x[t] + W @ h[t-1] + L @ last[t-1] + gate)
  - last[t] = x[t]
  - y = V @ h[t] + W @ h[t] - L @ x[t]
"""


def scheduled(text: str = CELL, shifts: bool = False) -> StepSchedule:
    return schedule_of(step_of(cell_of(text), {"hidden": 4, "input": 3}), shifts)


def products(schedule: StepSchedule, stretch: Stretch) -> list[str]:
    """The products of a stretch as they are written."""
    return sorted(f"{v.attr.weight} @ {_operand(v.args[0])}" for v in schedule.of(stretch) if v.op == "product")


def _operand(value: Value) -> str:
    return {"input": "x", "weight": str(value.attr), "previous": f"{value.attr}[t-1]"}.get(value.op, value.op)


def test_a_value_stands_where_what_it_is_computed_from_and_for_allows() -> None:
    schedule = scheduled()
    assert products(schedule, Stretch.FIXED) == ["V @ b"]
    assert products(schedule, Stretch.SEQUENCE) == ["L @ x", "U @ x"]
    assert products(schedule, Stretch.LOOP) == ["L @ last[t-1]", "W @ h[t-1]"]
    assert products(schedule, Stretch.AFTER) == ["V @ tanh", "W @ tanh"]
    assert schedule.states == ("h", "last") and schedule.delayed == ()


def test_a_target_that_shifts_sequences_has_no_state_that_only_delays() -> None:
    schedule = scheduled(shifts=True)
    assert schedule.states == ("h",) and schedule.delayed == ("last",)
    assert "L @ last[t-1]" in products(schedule, Stretch.SEQUENCE)
    assert products(schedule, Stretch.LOOP) == ["W @ h[t-1]"]


def test_what_is_delayed_can_be_delayed_again() -> None:
    text = (
        "state: {h: hidden, second: input, first: input}\noutput: h\nweights: {L: [hidden, input]}\nequations:\n"
        "  - second[t] = first[t-1]\n  - first[t] = x[t]\n  - h[t] = tanh(h[t-1] + L @ second[t-1])\n"
    )
    assert scheduled(text, shifts=True).delayed == ("second", "first")


def test_a_state_that_stands_still_is_of_the_loop() -> None:
    text = "state: {h: input, c: input}\noutput: h\nequations:\n  - c[t] = c[t-1]\n  - h[t] = c[t-1] + x[t] * h[t-1]\n"
    assert scheduled(text, shifts=True).delayed == ()


def test_products_of_one_operand_are_a_group() -> None:
    groups = {_operand(g.operand): [p.attr.weight for p in g.products] for g in scheduled().groups()}
    assert groups["x"] == ["U", "L"] and groups["tanh"] == ["V", "W"] and groups["h[t-1]"] == ["W"]
    [after] = [g for g in scheduled().groups() if g.operand.op == "tanh"]
    assert (after.depth, after.width, list(after.offsets.values())) == (4, 8, [0, 4])


def test_what_is_computed_after_the_loop_exports_what_it_reads() -> None:
    schedule = scheduled()
    [h] = schedule.exports(schedule.of(Stretch.AFTER))
    assert h is schedule.step.next["h"]
    assert schedule.exports(()) == (schedule.step.output,)


@pytest.mark.parametrize("shifts", [False, True])
def test_readers_are_those_that_have_a_value_as_an_argument(shifts: bool) -> None:
    schedule = scheduled(shifts=shifts)
    for value in schedule.stretch:
        readers = [v for v in schedule.stretch for a in v.args if a is value]
        assert list(schedule.readers.get(value, ())) == readers


def test_the_targets_agree_on_what_is_of_the_loop() -> None:
    """But for states that only delay, which the compiled loop does not have, and what it computes again."""
    step = step_of(cell_of(CELL), {"hidden": 4, "input": 3})
    program, plan = program_of(step), ScanPlan(schedule_of(step))
    assert [g.operand.attr for g in program.loop_groups] == ["h"]
    assert program.exports == plan.exports == (step.next["h"],)
    assert step.next["h"] in program.inside and step.next["h"] in plan.inside
    assert step.output not in program.inside and step.output in plan.after
