"""The page of a difference in a real browser: what a reviewer sees and where each click leads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netspec.report.diff.html import render
from netspec.review.compared import Compared
from netspec.review.diff import compare
from netspec.review.sides.side import read_sides
from netspec.source.errors import Problem
from netspec.spec import load
from tests.page.browser import Tab
from tests.page.test_page import HOSTILE, panel, selected, titles

pytestmark = pytest.mark.slow

NET = """netspec: 1
name: net
inputs: {x: [8]}
layers:
  fc1: {type: linear, out_features: 16}
  relu: relu
  stack:
    type: residual
    repeat: 6
    layers:
      inner: {type: linear, out_features: 16}
      act: relu
  fc2: {type: linear, out_features: 4}
outputs: {y: fc2}
"""
NINE = "{type: linear, out_features: 9}"


@pytest.fixture
def changed(tab: Tab, tmp_path: Path) -> Changed:
    return Changed(tab, tmp_path)


class Changed:
    """Opens the page of a change of `NET`, or of pairs of networks, in the test's tab."""

    def __init__(self, tab: Tab, folder: Path) -> None:
        self.tab, self.folder = tab, folder

    def __call__(self, *changes: tuple[str, str], before: str = NET, fragment: str = "") -> Tab:
        after = before
        for old, new in changes:
            assert old in after
            after = after.replace(old, new)
        (self.folder / "a.yaml").write_text(before, encoding="utf-8")
        (self.folder / "b.yaml").write_text(after, encoding="utf-8")
        sides = read_sides(str(self.folder / "a.yaml"), str(self.folder / "b.yaml"))
        return self.show([Compared("b.yaml", "a.yaml", "b.yaml", compare(*sides))], fragment)

    def show(self, networks: list[Compared], fragment: str = "") -> Tab:
        file = self.folder / "page.html"
        file.write_text("".join(render(networks, False)), encoding="utf-8")
        self.tab.open(file, fragment)
        return self.tab


def review(tab: Tab) -> str:
    return str(tab.js("document.querySelector('#review').innerText"))


def classes(tab: Tab, title: str) -> str:
    return str(
        tab.js(
            f"[...document.querySelectorAll('.unit')].find((u) => u.querySelector('.title').textContent === "
            f"{json.dumps(title)}).getAttribute('class')"
        )
    )


def test_the_words_come_first(changed: Changed) -> None:
    tab = changed(("out_features: 4}", "out_features: 5}"))
    text = review(tab)
    assert text.index("a.yaml → b.yaml") < text.index("architecture changed") < text.index("As written")
    assert "layers.fc2.out_features 4 -> 5 (line 13)" in text
    assert text.index("As written") < text.index("Weights") < text.index("Totals") < text.index("Layers")
    assert "~ fc2" in titles(tab) and "changed" in classes(tab, "~ fc2")
    assert {"fc1", "relu"} <= set(titles(tab))


def test_added_removed_and_renamed_layers_have_signs(changed: Changed) -> None:
    tab = changed(
        ("  relu: relu\n", "  gelu: gelu\n  drop: {type: dropout, p: 0.5}\n"),
        ("fc1", "first"),
        ("  fc2: {type: linear, out_features: 4}\n", "  fc2: {type: linear, out_features: 4}\n  norm: layer_norm\n"),
        ("y: fc2", "y: norm"),
    )
    shown = titles(tab)
    assert "→ first" in shown and "+ drop" in shown and "+ norm" in shown and "+ fc2" not in shown
    wires = tab.js("[...document.querySelectorAll('.wire')].map((e) => e.getAttribute('class')).join()")
    assert "added" in wires
    assert "was fc1" in tab.js("document.querySelector('#network').textContent")


def test_what_was_removed_stands_where_it_stood(changed: Changed) -> None:
    tab = changed(("  relu: relu\n", ""))
    shown = titles(tab)
    assert shown[shown.index("− relu") - 1] == "fc1"
    assert "removed" in classes(tab, "− relu")
    dash = tab.js("getComputedStyle(document.querySelector('.unit.removed > .box')).strokeDasharray")
    assert dash != "none"
    wires = tab.js("[...document.querySelectorAll('.wire.removed')].length")
    assert wires == 2  # into it and out of it


def test_fields_stand_before_and_after(changed: Changed) -> None:
    tab = changed(("fc1: {type: linear, out_features: 16}", "fc1: {type: linear, out_features: 16, bias: false}"))
    tab.click(".unit", "~ fc1")
    text = panel(tab)
    assert "before\tafter" in text and "bias\ttrue\tfalse" in text.replace("~ ", "")
    assert text.count("out_features") >= 2  # the field, and both lines of the files
    assert "a.yaml, line 5 (before)" in text and "b.yaml, line 5 (after)" in text


def test_changed_containers_are_open_and_their_copies_one(changed: Changed) -> None:
    tab = changed(("inner: {type: linear, out_features: 16}", "inner: {type: linear, out_features: 16, bias: false}"))
    assert "stack ×6" in titles(tab) and titles(tab).count("~ inner") == 1
    tab.click(".unit", "~ inner")
    assert "stack.0.inner, stack.1.inner" in panel(tab)


def test_an_entry_leads_to_its_place_and_then_to_the_next(changed: Changed) -> None:
    tab = changed(("16", "24"))
    tab.click("#words button.entry")
    first = selected(tab)
    tab.click("#words button.entry")
    assert first.startswith("~") and selected(tab).startswith("~") and selected(tab) != first


def test_keys_go_from_change_to_change(changed: Changed) -> None:
    tab = changed(("  relu: relu\n", ""), ("out_features: 4}", "out_features: 5}"))
    seen = []
    for key in "nnpn":
        tab.key(key)
        seen.append(selected(tab))
    assert seen == ["− relu", "~ fc2", "− relu", "~ fc2"]
    assert tab.js("document.querySelector('#position').textContent") == "2 of 3"  # the output has another shape


def test_no_change_is_said(changed: Changed) -> None:
    tab = changed()
    assert "same network" in review(tab) and tab.js("document.querySelector('#steps').hidden")
    assert {"fc1", "fc2"} <= set(titles(tab))


def test_a_checkpoint_that_loads_elsewhere_is_the_loudest(changed: Changed) -> None:
    two = NET.replace("fc2: {type", "other: {type: linear, out_features: 16}\n  fc2: {type")
    tab = changed(("fc1", "tmp"), ("other", "fc1"), ("tmp", "other"), before=two.replace("[8]", "[16]"))
    alarm = tab.js("document.querySelector('.alarm').innerText")
    assert "an old checkpoint loads 4 of" in alarm and "into other layers" in alarm


def test_hostile_names_and_values_are_text(changed: Changed) -> None:
    text = NET.replace("netspec: 1\n", f"netspec: 1\ndescription: {json.dumps(HOSTILE)}\n")
    tab = changed(("name: net", f"name: {json.dumps(HOSTILE)}"), ("relu: relu\n  stack", "stack"), before=text)
    assert not tab.js("document.querySelector('img')") and "− relu" in titles(tab)


def test_a_deep_link_opens_a_removed_layer(changed: Changed) -> None:
    tab = changed(("      act: relu\n", ""), fragment="#stack.3.act")
    assert selected(tab) == "− act" and "relu" in panel(tab)


def test_a_name_that_another_thing_has_now(changed: Changed) -> None:
    """A layer was removed, and a container, or another layer, has its name."""
    tab = changed(
        ("  relu: relu\n", f"  relu:\n    type: sequence\n    layers:\n      a: {NINE}\n      b: tanh\n"),
        ("repeat: 6\n", "repeat: 2\n"),
        ("{type: linear, out_features: 16}\n      act", f"{NINE}\n      act"),
    )
    assert len(titles(tab)) > 5


def test_several_networks_are_chosen_from(changed: Changed) -> None:
    folder = Path("architectures")
    pairs = [("resnet18.yaml", "resnet34.yaml"), ("resnet34.yaml", "resnet50.yaml")]
    networks = [Compared(b, a, b, compare(*read_sides(str(folder / a), str(folder / b)))) for a, b in pairs]
    networks.append(Compared("broken.yaml", "x", "y", None, (Problem("NS101", "no such file", name="broken.yaml"),)))
    tab = changed.show(networks)
    links = tab.js("[...document.querySelectorAll('#choice button')].map((e) => e.innerText.replace('\\n', ': '))")
    assert links[0].startswith("resnet34.yaml: architecture changed") and links[2] == "⚠ broken.yaml: broken"
    assert "broken.yaml" in tab.js("document.querySelector('#choice [aria-current=true]').innerText")  # the loudest
    for name, expected in (("resnet50", "resnet50.yaml"), ("broken", "no such file"), ("resnet34", "resnet18.yaml")):
        tab.click("#choice button", name)
        assert expected in tab.js("document.querySelector('#words').innerText")
        assert name in tab.js("document.querySelector('#choice [aria-current=true]').innerText")
    assert "+ 2" in titles(tab)
    changed.show(networks[:2])
    shown = tab.js("document.querySelector('#choice [aria-current=true]').innerText")
    assert "resnet50.yaml" in shown  # it changed most


def test_a_new_network_is_all_added(changed: Changed) -> None:
    after = changed.folder / "new.yaml"
    after.write_text(NET)
    tab = changed.show([Compared("new.yaml", "/dev/null", str(after), compare(*read_sides("/dev/null", str(after))))])
    assert "new network" in review(tab) and "+ fc1" in titles(tab)


def test_one_edit_in_five_thousand_layers_opens_at_its_place(changed: Changed) -> None:
    text = "netspec: 1\nname: chain\ninputs: {x: [4]}\nlayers:\n"
    text += "".join(f"  fc{i}: {{type: linear, out_features: 4}}\n" for i in range(4990))
    networks = load(text), load(text.replace("fc2500: {type: linear", "fc2500: {type: linear, bias: false"))
    tab = changed.show([Compared("b", "a", "b", compare(*networks))])
    assert "~ fc2500" in titles(tab) and len(titles(tab)) < 300
    box = tab.js("document.querySelector('.unit.changed').getBoundingClientRect().toJSON()")
    assert 0 < box["top"] < box["bottom"] < 800


def second_lines(tab: Tab, title: str) -> str:
    """What stands in a box beside its title."""
    return str(
        tab.js(
            "[...document.querySelectorAll('.unit')].filter((u) => u.querySelector(':scope > .title').textContent === "
            f"{json.dumps(title)}).flatMap((u) => [...u.querySelectorAll(':scope > .second')]).map((e) => "
            "e.textContent).join(' ')"
        )
    )


def test_boxes_say_what_they_were(changed: Changed) -> None:
    tab = changed(
        ("fc1: {type: linear, out_features: 16}", "fc1: {type: linear, out_features: 24, bias: false}"),
        ("16", "24"),
        ("  relu: relu", "  relu: gelu"),
    )
    assert second_lines(tab, "~ fc1") == "linear 24 (was 16), bias false (was true)"
    assert second_lines(tab, "~ relu") == "relu → gelu"
    assert "24 (was 16)" in tab.js("[...document.querySelectorAll('text.shape')].map((e) => e.textContent)")


def test_a_name_that_was_a_kind_is_no_kind_that_was(changed: Changed) -> None:
    tab = changed(("  relu: relu", "  act: relu"), ("fc1", "first"))
    assert second_lines(tab, "→ act") == "relu · renamed from relu"
    assert second_lines(tab, "→ first") == "linear 16 · was fc1"


def test_affected_layers_are_marked_and_say_both_shapes(changed: Changed) -> None:
    tab = changed(("x: [8]", "x: [9]"))
    assert "affected" in classes(tab, "fc1")
    dash = tab.js("getComputedStyle(document.querySelector('.unit.affected > .box')).strokeDasharray")
    assert dash != "none"
    tab.click(".unit", "fc1")
    assert "input\t8\t9" in panel(tab).replace("~ ", "")


def test_a_new_container_around_old_layers_is_new(changed: Changed) -> None:
    tab = changed(
        (
            "  fc2: {type: linear, out_features: 4}\n",
            "  skip:\n    type: residual\n    shortcut: projection\n"
            "    layers:\n      fc2: {type: linear, out_features: 4}\n",
        ),
        ("y: fc2", "y: skip"),
    )
    assert "+ skip" in titles(tab) and "added" in classes(tab, "+ skip")
    assert "→ fc2" in titles(tab) and second_lines(tab, "→ fc2").endswith("was fc2")


def test_the_wires_of_a_new_container_are_new(changed: Changed) -> None:
    tab = changed(
        (
            "outputs",
            "  more:\n    type: residual\n    layers:\n      fc3: {type: linear, out_features: 4}\noutputs",
        ),
        ("y: fc2", "y: more"),
    )
    tab.key("u")
    inside = "[...document.querySelectorAll('.unit.container.added .wire')].map((e) => e.getAttribute('class'))"
    assert set(tab.js(inside)) == {"wire added"}


def test_renamed_copies_are_a_box_for_each_rename(changed: Changed) -> None:
    """The first copy has a name of its own now: it is not folded with those that only have other numbers."""
    layers = "    type: residual\n    layers:\n      inner: {type: linear, out_features: 16}\n      act: relu\n"
    tab = changed(("  stack:\n", f"  first:\n{layers}  stack:\n"), ("repeat: 6", "repeat: 5"))
    assert "→ first" in titles(tab) and "→ stack ×5" in titles(tab)
    assert second_lines(tab, "→ first") == "residual · was stack.0"
    assert second_lines(tab, "→ stack ×5") == "residual · was stack.1–5"


def test_counts_are_of_layers(changed: Changed) -> None:
    tab = changed(("inner: {type: linear, out_features: 16}", "inner: {type: linear, out_features: 16, bias: false}"))
    assert tab.js("document.querySelector('#position').textContent") == "6 layers changed"
    badge = "document.querySelector('.unit.container > .badge')"
    assert tab.js(f"{badge}.textContent") == "~1 each"
    colour = tab.js(f"getComputedStyle({badge}.querySelector('.changed')).fill")
    assert colour == tab.js("getComputedStyle(document.querySelector('.unit.changed > .box')).stroke")


def test_the_panel_has_no_horizontal_scrollbar(changed: Changed) -> None:
    tab = changed(("fc2", "a_name_without_end_" * 5))
    assert tab.js("(() => { const r = document.querySelector('#review'); return r.scrollWidth <= r.clientWidth; })()")
    tab.click(".unit", "→ a_name")
    assert tab.js("(() => { const r = document.querySelector('#panel'); return r.scrollWidth <= r.clientWidth; })()")


def test_the_legend_has_what_is_in_the_picture(changed: Changed) -> None:
    tab = changed(("  relu: relu\n", ""))
    text = tab.js("document.querySelector('#legend').innerText")
    assert "removed, where it stood" in text and "added" not in text
    tab.click("#legend summary")
    assert not tab.js("document.querySelector('#legend').open")


def test_the_legend_hides_no_box(changed: Changed) -> None:
    changed.tab.size(1200, 480)
    tab = changed(("  relu: relu\n", ""), fragment="#fc1")
    hidden = tab.js(
        """(() => {
          const legend = document.querySelector('#legend').getBoundingClientRect();
          return [...document.querySelectorAll('.unit > .box')].map((e) => e.getBoundingClientRect())
            .filter((b) => b.left < legend.right && b.bottom > legend.top && b.top < legend.bottom).length;
        })()"""
    )
    assert hidden == 0


BRANCHES = """netspec: 1
name: branches
inputs: {x: [8]}
layers:
  stack: {type: linear, out_features: 8, repeat: 4}
  right: {type: linear, out_features: 8, from: stack}
  left: {type: linear, out_features: 8, from: stack}
  both: {type: concat, dim: 1, from: [left, right]}
outputs: {y: both}
"""


def test_inputs_of_a_concat_stand_as_they_are_written(changed: Changed) -> None:
    tab = changed(before=BRANCHES)
    place = "[...document.querySelectorAll('.unit')].find((u) => u.querySelector('.title').textContent === '{}')"
    left, right = (tab.js(f"({place.format(name)}).getBoundingClientRect().x") for name in ("left", "right"))
    assert left < right


def test_shapes_stand_on_no_wire(changed: Changed) -> None:
    tab = changed(before=BRANCHES)
    crossed = tab.js(
        """[...document.querySelectorAll('text.shape')].filter((text) => {
          const box = text.getBBox();
          return [...document.querySelectorAll('.wire')].some((wire) => {
            for (let at = 0; at < wire.getTotalLength(); at += 1) {
              const p = wire.getPointAtLength(at);
              const across = p.x > box.x && p.x < box.x + box.width;
              if (across && p.y > box.y + 3 && p.y < box.y + box.height - 3) return true;
            }
            return false;
          });
        }).map((e) => e.textContent)"""
    )
    assert crossed == []


def test_texts_of_layers_stand_in_the_middle(changed: Changed) -> None:
    tab = changed()
    aside = tab.js(
        """[...document.querySelectorAll('.unit:not(.container)')].map((unit) => {
          const box = unit.querySelector('.box').getBBox();
          const texts = [...unit.querySelectorAll(':scope > text')].map((e) => e.getBBox());
          const left = Math.min(...texts.map((t) => t.x)), right = Math.max(...texts.map((t) => t.x + t.width));
          return Math.abs((left + right) / 2 - box.x - box.width / 2);
        })"""
    )
    assert max(aside) < 3
