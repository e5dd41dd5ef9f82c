"""Pictures of networks: what is folded, where boxes stand, that nothing is lost or cut off."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise, product
from pathlib import Path

import pytest

import netspec
from netspec.report.picture.columns import in_columns
from netspec.report.picture.layers import network_tree
from netspec.report.picture.place import Box, Plan, deepest, plan
from netspec.report.picture.text_width import text_width
from netspec.report.picture.tree import MOST_UNITS, DrawnLayer, Interior, Unit
from netspec.report.plot import dot
from netspec.report.plot.svg import svg
from tests.report.pictured import DENSE, UNET
from tests.review.random_networks import drawn

ARCHITECTURES = sorted(Path("architectures").glob("*.yaml"))
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</script><script>alert(1)</script>"
CHAIN = "netspec: 1\nname: chain\ninputs: {x: [4]}\nlayers:\n"


def units(body: Interior) -> list[Unit]:
    """Every box, those inside others included."""
    inside = [units(unit.inside) for unit in body.units if isinstance(unit.inside, Interior)]
    return [*body.units, *(unit for each in inside for unit in each)]


def layers(body: Interior) -> int:
    """Every layer, each copy counted."""
    return sum(u.copies * (layers(u.inside) if isinstance(u.inside, Interior) else 1) for u in body.units)


@pytest.mark.parametrize("path", ARCHITECTURES, ids=lambda path: path.stem)
def test_every_layer_and_output_is_in_the_picture(path: Path) -> None:
    graph = netspec.load(path)
    body = network_tree(graph)
    assert layers(body) == len(graph) + len(graph.outputs)
    assert body.cost.params == sum(map(graph.params_of, graph.layers()))


def test_equal_copies_are_one_box() -> None:
    body = network_tree(netspec.load("architectures/resnet34.yaml"))
    layer1, layer3 = (next(u for u in body.units if u.label == name) for name in ("layer1", "layer3"))
    assert layer1.names == ("layer1.0", "layer1.1", "layer1.2") and layer1.kind == "basic"
    assert isinstance(layer3.inside, Interior) and layer3.kind == "basic ×6"
    assert [(u.label, u.copies) for u in layer3.inside.units] == [("0", 1), ("1–5", 5)]


def test_copies_that_share_another_input_are_one_box_too() -> None:
    text = """netspec: 1
inputs: {x: [8], memory: [8]}
blocks:
  read:
    inputs: [x, memory]
    layers:
      sum: {type: add, from: [x, memory]}
      fc: {type: linear, out_features: 8}
    outputs: {x: fc}
layers:
  stack: {type: read, repeat: 3, from: {x: x, memory: memory}}
"""
    [stack] = [u for u in network_tree(netspec.load(text)).units if u.kind == "read"]
    assert stack.copies == 3


def test_copies_that_something_else_reads_stay_apart() -> None:
    text = (
        CHAIN
        + "  fc: {type: linear, out_features: 4, repeat: 3}\n  sum: {type: add, from: [fc.0, fc]}\noutputs: {y: sum}\n"
    )
    [fc] = [u for u in network_tree(netspec.load(text)).units if u.label == "fc"]
    assert isinstance(fc.inside, Interior) and [u.label for u in fc.inside.units] == ["0", "1–2"]


def test_long_bodies_are_shown_in_stretches() -> None:
    text = CHAIN + "".join(f"  fc{i}: {{type: linear, out_features: 4}}\n" for i in range(3000))
    body = network_tree(netspec.load(text))
    assert len(body.units) <= MOST_UNITS and layers(body) == 3002
    assert max(len(u.inside.units) for u in units(body) if isinstance(u.inside, Interior)) <= MOST_UNITS


# Places


def absolute(placed: Plan, x: float = 0.0, y: float = 0.0) -> list[tuple[Box, float, float, list[Box]]]:
    out = []
    for box in placed.boxes:
        left, top = x + box.corner.x, y + box.corner.y
        out.append((box, left, top, placed.boxes))
        if box.plan:
            out += absolute(box.plan, left, top)
    return out


@pytest.mark.parametrize("path", ARCHITECTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("columns", [False, True])
def test_boxes_of_a_body_do_not_overlap_and_lie_in_their_container(path: Path, columns: bool) -> None:
    body = network_tree(netspec.load(path))
    placed = plan(body, deepest(body))
    placed = in_columns(placed) if columns else placed
    for current in [placed, *(box.plan for box, *_ in absolute(placed) if box.plan)]:
        for a, b in combinations(current.boxes, 2):
            apart_x = a.corner.x + a.outer.width <= b.corner.x + 0.01 or b.corner.x + b.outer.width <= a.corner.x + 0.01
            apart_y = (
                a.corner.y + a.outer.height <= b.corner.y + 0.01 or b.corner.y + b.outer.height <= a.corner.y + 0.01
            )
            assert apart_x or apart_y, (a.title, b.title)
    for box, *_ in absolute(placed):
        if box.plan:
            for inner in box.plan.boxes:
                assert inner.corner.x >= 0 and inner.corner.x + inner.outer.width <= box.size.width + 0.01
                assert inner.corner.y >= 0 and inner.corner.y + inner.outer.height <= box.size.height + 0.01


@pytest.mark.parametrize("path", ARCHITECTURES, ids=lambda path: path.stem)
def test_wires_run_down_and_meet_their_boxes(path: Path) -> None:
    body = network_tree(netspec.load(path))
    placed = plan(body, deepest(body))
    for current in [placed, *(box.plan for box, *_ in absolute(placed) if box.plan)]:
        for link, way in current.wires:
            assert all(a.y <= b.y + 0.01 for a, b in pairwise(way))
            if link.source.unit >= 0:
                box = current.boxes[link.source.unit]
                assert way[0].y == pytest.approx(box.corner.y + box.size.height)
                assert box.corner.x <= way[0].x <= box.corner.x + box.size.width
            if link.target.unit >= 0:
                box = current.boxes[link.target.unit]
                assert way[-1].y == pytest.approx(box.corner.y)


def crossings(placed: Plan) -> list[str]:
    """Boxes that a wire passes through, those in open containers included."""
    crossed = []
    for _, way in placed.wires:
        for (a, b), box in product(pairwise(way), placed.boxes):
            beside = max(a.x, b.x) <= box.corner.x + 1 or min(a.x, b.x) >= box.corner.x + box.size.width - 1
            over = max(a.y, b.y) <= box.corner.y + 1 or min(a.y, b.y) >= box.corner.y + box.size.height - 1
            crossed += [] if beside or over else [box.title]
    return crossed + [title for box in placed.boxes if box.plan for title in crossings(box.plan)]


@pytest.mark.parametrize("network", [*map(str, ARCHITECTURES), DENSE, UNET, *range(30)], ids=lambda x: str(x)[:40])
def test_wires_pass_no_box(network: str | int) -> None:
    case = drawn(network) if isinstance(network, int) else ({}, netspec.load(network))
    if case is None:
        pytest.skip("no network")
    body = network_tree(case[1])
    placed = plan(body, deepest(body))
    assert crossings(placed) == [] and crossings(in_columns(placed)) == []


# SVG


@pytest.mark.parametrize("path", ARCHITECTURES, ids=lambda path: path.stem)
def test_no_text_is_cut_off_or_outside(path: Path) -> None:
    root = ElementTree.fromstring(svg(netspec.load(path)))
    width, height = (float(root.attrib[key]) for key in ("width", "height"))
    for text in root.iter(f"{SVG}text"):
        right = float(text.attrib["x"]) + float(text.attrib["textLength"])
        assert float(text.attrib["x"]) >= 0 and right <= width and 0 < float(text.attrib["y"]) < height, text.text
    for group in root.iter(f"{SVG}g"):
        [*_, box] = group.findall(f"{SVG}rect")
        for text in group.findall(f"{SVG}text"):
            right = float(text.attrib["x"]) + float(text.attrib["textLength"])
            assert right <= float(box.attrib["x"]) + float(box.attrib["width"]), text.text


def test_the_picture_holds_what_a_paper_shows() -> None:
    text = svg(netspec.load("architectures/resnet18.yaml"))
    shown = [t.text for t in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"resnet18", "11,689,512 parameters, 1.81 G FLOPs", "basic ×2", "64×112×112", "add", "logits"} <= set(shown)
    assert "conv2d 64, kernel 7, stride 2" in shown and "9.41 k" in shown


def test_depth_says_how_far_containers_are_open() -> None:
    graph = netspec.load("architectures/resnet18.yaml")
    sizes = [len(svg(graph, depth)) for depth in range(5)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[1] < sizes[2] < sizes[3]
    assert "layer1" in svg(graph, 0) and "residual" not in svg(graph, 0)


def test_the_same_network_is_the_same_bytes_in_another_process() -> None:
    command = "import netspec; from netspec.report.plot.svg import svg; print(svg(netspec.load('{}')))"
    path = "architectures/resnet50.yaml"
    done = subprocess.run(
        [sys.executable, "-c", command.format(path)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(netspec.__file__).parent.parent)},
    )
    assert done.stdout.rstrip("\n") == svg(netspec.load(path))


def test_text_from_a_file_is_only_ever_text() -> None:
    graph = netspec.load(
        f"netspec: 1\nname: '{HOSTILE}'\ninputs: {{x: [4]}}\nlayers:\n  fc: {{type: linear, out_features: 2}}\n"
    )
    root = ElementTree.fromstring(svg(graph))
    assert not list(root.iter(f"{SVG}script")) and HOSTILE in [t.text for t in root.iter(f"{SVG}text")]


def test_the_documentation_shows_the_picture_of_today() -> None:
    """Otherwise: netspec plot architectures/resnet18.yaml -o docs/images/resnet18.svg"""
    shown = Path("docs/images/resnet18.svg").read_text(encoding="utf-8")
    assert shown == svg(netspec.load("architectures/resnet18.yaml")) + "\n"


def test_a_notebook_shows_the_picture() -> None:
    graph = netspec.load("architectures/lenet5.yaml")
    assert graph._repr_html_() == svg(graph)


def test_widths_are_those_of_helvetica() -> None:
    """Against the font's own metrics, which matplotlib carries."""
    import matplotlib

    file = Path(matplotlib.get_data_path(), "fonts", "pdfcorefonts", "Helvetica.afm")
    metrics = re.findall(r"^C (\d+) ; WX (\d+)", file.read_text(), re.MULTILINE)
    for code, width in metrics[:95]:
        if chr(int(code)) not in "'`":  # the metrics give the typographic ones
            assert text_width(chr(int(code)), 1000) == pytest.approx(int(width)), chr(int(code))


# DOT


def test_dot_has_a_node_a_layer_and_a_cluster_an_open_container() -> None:
    graph = netspec.load("architectures/resnet18.yaml")
    [text] = dot.render(graph, 9)
    nodes = re.findall(r"^ *(n(?:_\d+)+) \[label", text, re.MULTILINE)
    wires = re.findall(r"^ *(n[_\d]+) -> (n[_\d]+) ", text, re.MULTILINE)
    body = network_tree(graph)
    assert len(nodes) == len(set(nodes)) == sum(isinstance(u.inside, DrawnLayer) for u in units(body))
    assert text.count("subgraph") == sum(isinstance(u.inside, Interior) for u in units(body))
    assert {end for wire in wires for end in wire} == set(nodes)
