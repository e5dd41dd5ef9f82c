"""The page of a network in a real browser, used as a reader would: by mouse, keys and links."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netspec
from netspec.report.page.assemble import MODULES, page
from netspec.report.page.data import network_data
from tests.page.browser import Tab
from tests.page.opened import Plotted
from tests.report.pictured import DENSE, UNET

pytestmark = pytest.mark.slow

RESNET18 = "architectures/resnet18.yaml"
RESNET152 = "architectures/resnet152.yaml"
ONE = "netspec: 1\nname: one\ninputs: {x: [4]}\nlayers:\n  fc: {type: linear, out_features: 2}\n"
HOSTILE = "</script ></script><!-- <script <img src=x onerror=alert(1)><!-- \u2028 ${7*7} & \\u003c"


def titles(tab: Tab) -> list[str]:
    """The boxes that are drawn, by their titles."""
    return list(tab.js("[...document.querySelectorAll('.unit > .title')].map((e) => e.textContent)"))


def selected(tab: Tab) -> str:
    return str(tab.js("document.querySelector('.selected > .title')?.textContent ?? ''"))


def panel(tab: Tab) -> str:
    """The text of the panel as it is seen; empty where it is hidden."""
    return str(tab.js("document.querySelector('#panel').hidden ? '' : document.querySelector('#panel').innerText"))


def colours(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float)


def test_a_network_is_drawn_whole_and_fits(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    assert titles(tab) == [
        *("image", "conv1", "bn1", "relu", "maxpool"),
        *("layer1 ×2", "layer2", "layer3", "layer4"),
        *("avgpool", "fc", "logits"),
    ]
    assert tab.js("document.title") == "resnet18"
    assert "11,689,512 parameters" in tab.js("document.querySelector('#figures').textContent")
    seen = tab.js(
        "(() => { const p = document.querySelector('#picture').getBoundingClientRect();"
        " return [...document.querySelectorAll('.unit')].every((u) => { const b = u.getBoundingClientRect();"
        " return b.left >= p.left && b.right <= p.right && b.top >= p.top; }); })()"
    )
    assert seen


def test_shapes_stand_beside_the_wires(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    shapes = tab.js("[...document.querySelectorAll('text.shape')].map((e) => e.textContent)")
    assert shapes[:2] == ["64×112×112", "64×112×112"] and "1000" in shapes
    assert "3×224×224" not in shapes  # the input says it


def test_a_click_shows_a_layer(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tab.click(".unit", "conv1")
    assert selected(tab) == "conv1"
    text = panel(tab)
    assert "kernel_size" in text and "9,408" in text and "64×3×7×7" in text
    assert "y[o, i] = b[o]" in text  # the equation
    assert "conv1: {type: conv2d, out_channels: $width, kernel_size: 7" in text  # the line of the file
    tab.click("#panel .close")
    assert panel(tab) == "" and selected(tab) == ""


def test_a_container_unfolds_in_place(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    before = tab.js("document.querySelector('.selected, .container .box').getBoundingClientRect().top")
    tab.click(".container .fold")
    assert titles(tab)[5:9] == ["layer1 ×2", "body", "relu", "layer2"]
    assert tab.js("document.querySelector('.container.open').getAttribute('aria-expanded')") == "true"
    assert abs(tab.js("document.querySelector('.container.open > .box').getBoundingClientRect().top") - before) < 2
    tab.key("Enter")
    assert titles(tab)[5:7] == ["layer1 ×2", "layer2"]


def test_everything_unfolds_and_folds(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tab.click("#unfold")
    assert titles(tab).count("conv1") == 8 and "×2" in " ".join(titles(tab))  # equal copies stay one
    tab.key("f")
    assert len(titles(tab)) == 12


def test_open_containers_hold_their_boxes(plotted: Plotted) -> None:
    tab = plotted("architectures/digits_highway.yaml")
    tab.click("#unfold")
    outside = tab.js(
        """[...document.querySelectorAll('.unit.open')].flatMap((outer) => {
          const o = outer.querySelector(':scope > .box').getBBox();
          return [...outer.querySelectorAll(':scope > g > .unit > .box')].map((e) => e.getBBox()).filter((b) =>
            b.x < o.x || b.y < o.y || b.x + b.width > o.x + o.width || b.y + b.height > o.y + o.height).length; })"""
    )
    assert len(outside) == 3 and not any(outside)


def test_wires_meet_across_the_border_of_an_open_container(plotted: Plotted) -> None:
    """Every wire ends at the upper side of a box, or where the one outside of its container begins."""
    tab = plotted(RESNET18)
    tab.click("#unfold")
    loose = tab.js(
        """(() => {
          const boxes = [...document.querySelectorAll('.unit > .box')].map((e) => e.getBBox());
          const ends = [...document.querySelectorAll('.wire')].map((e) => e.getPointAtLength(e.getTotalLength()));
          return ends.filter((p) => !boxes.some((b) => p.x >= b.x - 1 && p.x <= b.x + b.width + 1 &&
            (Math.abs(p.y - b.y) < 1 || Math.abs(p.y - b.y - b.height) < 1))).length;
        })()"""
    )
    assert loose == 0


@pytest.mark.parametrize("network", [DENSE, UNET, RESNET18, "architectures/digits_highway.yaml"])
def test_wires_pass_no_box(plotted: Plotted, network: str) -> None:
    tab = plotted(network)
    tab.click("#unfold")
    crossed = tab.js(
        """(() => {
          const boxes = [...document.querySelectorAll('.unit:not(.open)')].map((u) =>
            ({name: u.querySelector('.title').textContent, at: u.querySelector('.box').getBBox()}));
          return [...document.querySelectorAll('.wire')].flatMap((wire) => {
            const length = wire.getTotalLength();
            const points = Array.from({length: 60}, (_, i) => wire.getPointAtLength((length * i) / 59));
            return boxes.filter(({at}) => points.some((p) => p.x > at.x + 3 && p.x < at.x + at.width - 3 &&
              p.y > at.y + 3 && p.y < at.y + at.height - 3)).map(({name}) => name); }); })()"""
    )
    assert crossed == []


def test_search_finds_layers_in_closed_containers(plotted: Plotted) -> None:
    tab = plotted(RESNET152)
    tab.key("/")
    assert tab.js("document.activeElement.id") == "search"
    tab.type("layer3.17.body.conv2")  # a copy in a folded box
    tab.key("Enter")
    assert selected(tab) == "conv2" and "1–35 ×35" in titles(tab)
    assert "layer3.1.body.conv2" in panel(tab) and "35 copies" in panel(tab)


def test_search_says_when_there_is_nothing(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tab.click("#search")
    tab.type("transformer")
    assert "no layer is called so" in tab.js("document.querySelector('#results').innerText")
    tab.key("Escape")
    assert tab.js("document.querySelector('#results').hidden")


def test_keys_go_from_box_to_box(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    for expected in ("image", "conv1", "bn1"):
        tab.key("ArrowDown")
        assert selected(tab) == expected
        assert tab.js("document.activeElement.querySelector('.title').textContent") == expected
    tab.key("ArrowUp")
    assert selected(tab) == "conv1"
    tab.key("Escape")
    assert selected(tab) == ""


def test_keys_reach_what_stands_in_an_open_container(plotted: Plotted) -> None:
    tab = plotted(RESNET18, "#layer1")
    tab.key("Enter")
    tab.key("ArrowDown")
    assert selected(tab) == "body"
    tab.key("Enter")
    tab.key("ArrowDown")
    assert selected(tab) == "conv1" and "layer1.0.body.conv1" in panel(tab)


def test_a_link_opens_its_layer(plotted: Plotted) -> None:
    tab = plotted(RESNET18, "#layer2.0.body.shortcut.conv")
    assert selected(tab) == "conv" and "layer2.0.body.shortcut.conv" in panel(tab)
    assert tab.js("decodeURIComponent(location.hash)") == "#layer2.0.body.shortcut.conv"
    tab.js("location.hash = '#fc'")
    time.sleep(0.2)
    assert selected(tab) == "fc"


@pytest.mark.parametrize("path", sorted(Path("architectures").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_layer_has_a_link(plotted: Plotted, path: Path) -> None:
    tab = plotted(str(path))
    names = [node.name for node in netspec.load(path).layers()]
    wrong = tab.js(
        f"""{json.dumps(names)}.filter((name) => {{
          location.hash = '#' + name; dispatchEvent(new HashChangeEvent('hashchange'));
          const shown = document.querySelector('#panel .names')?.innerText ?? '';
          return document.querySelectorAll('.selected').length !== 1 || shown === ''; }})"""
    )
    assert wrong == []


def test_heat_colours_by_cost(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tab.js("document.querySelector('#heat').value = 'params'")
    tab.js("document.querySelector('#heat').dispatchEvent(new Event('change'))")
    heat = tab.js(
        "Object.fromEntries([...document.querySelectorAll('.unit')].filter((u) => u.querySelector(':scope > .heat'))"
        ".map((u) => [u.querySelector('.title').textContent, Number(u.querySelector(':scope > .heat').style.opacity)]))"
    )
    assert heat["layer4"] == max(heat.values()) and "maxpool" not in heat and heat["fc"] > heat["conv1"]


def test_light_and_dark(plotted: Plotted) -> None:
    plotted.tab.prefer("light")
    tab = plotted(RESNET18)
    light = colours(tab.screenshot())
    tab.prefer("dark")
    dark = colours(tab.screenshot())
    assert light.mean() > 200 and dark.mean() < 60
    assert min(image.std() for image in (light, dark)) > 5  # something is drawn
    tab.key("d")
    assert colours(tab.screenshot()).mean() > 200


def test_a_small_screen_shows_picture_and_panel(plotted: Plotted) -> None:
    plotted.tab.size(390, 800)
    tab = plotted(RESNET18, "#conv1")
    sizes = tab.js("['#picture', '#panel'].map((s) => document.querySelector(s).getBoundingClientRect().height)")
    assert min(sizes) > 120
    assert tab.js("document.documentElement.scrollWidth") <= 390


def test_help_lists_the_keys(plotted: Plotted) -> None:
    tab = plotted(ONE)
    tab.key("?")
    assert tab.js("document.querySelector('#help').open") and "next and previous change" in tab.js(
        "document.body.innerText"
    )
    tab.key("Escape")
    assert not tab.js("document.querySelector('#help').open")


def test_boxes_say_what_they_are(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tree = tab.call("Accessibility.getFullAXTree")["nodes"]
    items = {n["name"]["value"] for n in tree if n.get("role", {}).get("value") == "treeitem"}
    assert {"conv1, conv2d", "layer1, basic, 2 copies, 2 inside"} <= items
    assert tab.js("document.querySelectorAll('.unit[tabindex=\"0\"]').length") == 1


def test_a_network_of_one_layer(plotted: Plotted) -> None:
    tab = plotted(ONE)
    assert titles(tab) == ["x", "fc", "fc"]


def test_names_are_text_and_nothing_else(plotted: Plotted) -> None:
    text = ONE.replace("name: one", f"name: {json.dumps(HOSTILE)}\ndescription: {json.dumps(HOSTILE)}")
    tab = plotted(text, "#fc")
    assert tab.js("document.querySelector('#title').textContent") == HOSTILE
    assert not tab.js("document.querySelector('img')") and "fc: {type: linear" in panel(tab)


def test_injected_code_does_not_run(plotted: Plotted) -> None:
    """The policy names the page's own code by its hash: nothing else runs, and nothing is asked for."""
    tab = plotted(ONE)
    tab.js("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))")
    tab.js("document.body.append(Object.assign(document.createElement('img'), {src: 'https://example.org/x.png'}))")
    time.sleep(0.2)
    assert tab.js("window.ran") is None
    assert all("Content Security Policy" in error for error in tab.errors) and len(tab.errors) == 2
    tab.errors.clear()
    tab.requests = [url for url in tab.requests if url.startswith("file:")]


def test_five_thousand_layers_open(plotted: Plotted) -> None:
    text = "netspec: 1\nname: chain\ninputs: {x: [4]}\nlayers:\n"
    text += "".join(f"  fc{i}: {{type: linear, out_features: 4}}\n" for i in range(4990))
    tab = plotted(text, "#fc4321")
    assert selected(tab) == "fc4321" and len(titles(tab)) < 300


def test_printing_shows_the_whole_picture(plotted: Plotted) -> None:
    tab = plotted(RESNET18)
    tab.js("dispatchEvent(new Event('beforeprint'))")
    assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", tab.js("document.querySelector('#picture').getAttribute('viewBox')"))
    tab.js("dispatchEvent(new Event('afterprint'))")
    assert tab.js("document.querySelector('#picture').getAttribute('viewBox')") is None


def test_the_largest_page_is_small() -> None:
    assert len(page(network_data(netspec.load(RESNET152))).encode()) <= 300_000


def test_every_file_of_the_code_is_in_the_page() -> None:
    folder = Path(netspec.__file__).parent / "report" / "page" / "code"
    assert sorted(MODULES) == sorted(path.stem for path in folder.glob("*.js"))
    imports = {m: re.findall(r'from "\./(\w+)\.js"', (folder / f"{m}.js").read_text()) for m in MODULES}
    assert all(MODULES.index(used) < MODULES.index(m) for m, uses in imports.items() for used in uses)
