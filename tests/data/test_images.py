"""Images of every mode and depth against what NumPy says of their values, as they are trained on and predicted."""

from __future__ import annotations

import logging
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from test_sources import dataset, linear, message, spec

import netspec
from netspec import NetspecError
from netspec.data.image_files import SUFFIXES
from netspec.data.images import Images
from netspec.training.predict import Predictions, predict
from netspec.training.train import train
from netspec.training.trained import load_run

H, W = 4, 6
rng = np.random.default_rng(5)
Array = NDArray[np.float64]

GREY8 = rng.integers(0, 256, (H, W)).astype(np.uint8)
GREY16 = rng.integers(0, 65536, (H, W)).astype(np.uint16)
GREY12 = (GREY16 >> 4).astype(np.uint16)
COLOUR8 = rng.integers(0, 256, (H, W, 3)).astype(np.uint8)
COLOUR16 = rng.integers(0, 65536, (H, W, 3)).astype(np.uint16)
ALPHA = np.where(rng.random((H, W)) < 0.5, 0, rng.integers(0, 256, (H, W))).astype(np.uint8)  # half shows nothing
UNIT = rng.random((H, W)).astype(np.float32)
WHITE = 1.0


def over_white(values: Array) -> Array:
    shown = ALPHA / 255.0
    shown = shown[..., None] if values.ndim == 3 else shown
    blended: Array = values * shown + WHITE * (1 - shown)
    return blended


def pillow(x: NDArray[np.generic], mode: str | None = None, **how: object) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        image = Image.fromarray(x) if mode is None else Image.fromarray(x).convert(mode)
        image.save(path, **how)  # type: ignore[arg-type]

    return write


def merged(*bands: NDArray[np.uint8], mode: str) -> Callable[[Path], object]:
    return lambda path: Image.merge(mode, [Image.fromarray(band) for band in bands]).save(path)


def png(x: NDArray[np.generic], bits: int, kind: int, extra: bytes = b"") -> Callable[[Path], object]:
    """Written by hand: Pillow writes no 16-bit colour."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    if bits < 8:
        places = np.arange(bits)[::-1]
        rows = b"".join(b"\0" + np.packbits((row[:, None] >> places & 1).reshape(-1)).tobytes() for row in x)
    else:
        rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in x)
    head = struct.pack(">IIBBBBB", x.shape[1], x.shape[0], bits, kind, 0, 0, 0)
    data = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def keyed(*values: int) -> bytes:
    data = b"tRNS" + struct.pack(f">{len(values)}H", *values)
    return struct.pack(">I", 2 * len(values)) + data + struct.pack(">I", zlib.crc32(data))


def tiff(x: NDArray[np.generic], bits: int, photometric: int, sample_format: int = 1) -> Callable[[Path], object]:
    """Written by hand, little-endian, one strip."""
    if bits == 12:
        flat = np.unpackbits(x.astype(">u2").reshape(H, W, 1).view(np.uint8).reshape(H, W, 2), axis=2)[..., 4:]
        body = b"".join(np.packbits(row.reshape(-1)).tobytes() for row in flat)
    else:
        body = x.astype(x.dtype.newbyteorder("<")).tobytes()
    entries = [(256, 4, W), (257, 4, H), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 134), (277, 3, 1),
               (278, 4, H), (279, 4, len(body)), (339, 3, sample_format)]  # fmt: skip
    table = b"".join(struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, kind, value in entries)
    data = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", 0) + body
    return lambda path: path.write_bytes(data)


def turned(path: Path) -> None:
    image = Image.fromarray(np.rot90(GREY8))  # as a camera held upright writes it
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)


def moving(path: Path) -> None:
    frames = [Image.fromarray(GREY8), Image.fromarray(255 - GREY8)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


PALETTE = rng.integers(0, 256, (8, 3)).astype(np.uint8)
INDEX = rng.integers(0, 8, (H, W)).astype(np.uint8)


def palette(transparent: int | None) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        image = Image.fromarray(INDEX).convert("P")  # grey levels, which become the colours of the palette
        image.putpalette(PALETTE.reshape(-1).tolist())
        if transparent is not None:
            image.info["transparency"] = transparent
        image.save(path)

    return write


# name -> how it is written, its values from 0 to 1 ((H, W) or (H, W, 3)), and how finely they are kept
EIGHT, FINE = 0.51 / 255, 1e-7
MODES: dict[str, tuple[Callable[[Path], object], Array, float]] = {
    "grey.png": (pillow(GREY8), GREY8 / 255, FINE),
    "grey.tif": (pillow(GREY8), GREY8 / 255, FINE),
    "grey.pgm": (pillow(GREY8), GREY8 / 255, FINE),
    "bits.png": (pillow(GREY8 > 99), (GREY8 > 99) / 1.0, FINE),
    "grey16.png": (pillow(GREY16), GREY16 / 65535, FINE),
    "grey16.tif": (pillow(GREY16), GREY16 / 65535, FINE),
    "grey16.pgm": (pillow(GREY16), GREY16 / 65535, FINE),
    "grey16big.tif": (pillow(GREY16.astype(">u2")), GREY16 / 65535, FINE),
    "grey12.tif": (tiff(GREY12, 12, 1), GREY12 / 4095, FINE),
    "white_is_zero16.tif": (tiff(GREY16, 16, 0), 1 - GREY16 / 65535, FINE),
    "white_is_zero8.tif": (tiff(GREY8, 8, 0), 1 - GREY8 / 255, FINE),
    "float.tif": (pillow(UNIT), UNIT.astype(np.float64), FINE),
    "colour.png": (pillow(COLOUR8), COLOUR8 / 255, FINE),
    "colour.bmp": (pillow(COLOUR8), COLOUR8 / 255, FINE),
    "colour16.png": (png(COLOUR16, 16, 2), COLOUR16 / 65535, 1 / 255),
    "turned.png": (turned, GREY8 / 255, FINE),
    "two.tif": (moving, GREY8 / 255, FINE),
    "two.gif": (moving, GREY8 / 255, FINE),
    "palette.png": (palette(None), PALETTE[INDEX] / 255, FINE),
    "palette_key.png": (palette(3), np.where((INDEX == 3)[..., None], 1, PALETTE[INDEX] / 255), FINE),
    "grey_key.png": (png(GREY8, 8, 0, keyed(int(GREY8[1, 2]))), np.where(GREY8[1, 2] == GREY8, 1, GREY8 / 255), FINE),
    "grey16_key.png": (png(GREY16, 16, 0, keyed(int(GREY16[1, 2]))),
                       np.where(GREY16[1, 2] == GREY16, 1, GREY16 / 65535), FINE),
    "grey1_key.png": (png(GREY8 >> 7, 1, 0, keyed(0)), np.ones((H, W)), FINE),
    "grey2_key.png": (png(GREY8 >> 6, 2, 0, keyed(2)), np.where(GREY8 >> 6 == 2, 1, (GREY8 >> 6) / 3), FINE),
    "grey4_key.png": (png(GREY8 >> 4, 4, 0, keyed(int(GREY8[1, 2] >> 4))),
                      np.where(GREY8[1, 2] >> 4 == GREY8 >> 4, 1, (GREY8 >> 4) / 15), FINE),
    "colour_key.png": (png(COLOUR8, 8, 2, keyed(*map(int, COLOUR8[1, 2]))),
                       np.where((COLOUR8[1, 2] == COLOUR8).all(2)[..., None], 1, COLOUR8 / 255), FINE),
    "colour16_key.png": (png(COLOUR16, 16, 2, keyed(*map(int, COLOUR16[1, 2]))),
                         np.where((COLOUR16[1, 2] == COLOUR16).all(2)[..., None], 1, COLOUR16 / 65535), 1 / 255),
    "rgba.png": (merged(*np.moveaxis(COLOUR8, 2, 0), ALPHA, mode="RGBA"), over_white(COLOUR8 / 255), 1.01 / 255),
    "rgba.webp": (pillow(np.dstack([COLOUR8, ALPHA]), lossless=True, exact=True), over_white(COLOUR8 / 255), 0.004),
    "la.png": (merged(GREY8, ALPHA, mode="LA"), over_white(GREY8 / 255), 1.01 / 255),
    "la16.png": (png(np.stack([GREY16, ALPHA.astype(np.uint16) * 257], 2), 16, 4),
                 over_white(GREY16 / 65535), 2.01 / 255),
    "cmyk.tif": (merged(*np.moveaxis(COLOUR8, 2, 0), np.zeros_like(GREY8), mode="CMYK"), 1 - COLOUR8 / 255, 1.01 / 255),
}  # fmt: skip


def as_channels(values: Array, channels: int) -> Array:
    """(C, H, W) by the formulas of the documentation."""
    if channels == 1:
        return (values if values.ndim == 2 else values @ [0.299, 0.587, 0.114])[None]
    colour = np.repeat(values[..., None], 3, 2) if values.ndim == 2 else values
    return np.moveaxis(colour, 2, 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MODES)
def test_values_of_every_mode(tmp_path: Path, name: str, channels: int) -> None:
    write, values, exact = MODES[name]
    write(tmp_path / name)
    pixels = Images([tmp_path / name], channels, (H, W)).take(np.array([0]))[0]
    rounding = EIGHT if channels == 1 and values.ndim == 3 else 0.0
    np.testing.assert_allclose(pixels, as_channels(values, channels), rtol=0, atol=exact + rounding)


@pytest.mark.parametrize("name", [n for n, (_, v, _) in MODES.items() if "a" not in n.split(".")[0] and "key" not in n])
def test_four_channels_are_opaque_where_nothing_is_transparent(tmp_path: Path, name: str) -> None:
    write, values, exact = MODES[name]
    write(tmp_path / name)
    pixels = Images([tmp_path / name], 4, (H, W)).take(np.array([0]))[0]
    np.testing.assert_allclose(pixels, [*as_channels(values, 3), np.ones((H, W))], rtol=0, atol=exact)


def test_four_channels_keep_their_transparency(tmp_path: Path) -> None:
    MODES["rgba.png"][0](tmp_path / "a.png")
    pixels = Images([tmp_path / "a.png"], 4, (H, W)).take(np.array([0]))[0]
    np.testing.assert_allclose(pixels, [*np.moveaxis(COLOUR8, 2, 0) / 255, ALPHA / 255], atol=FINE)


@pytest.mark.parametrize(
    ("x", "bits", "kind", "exact"),
    [
        (GREY8 >> 4, 4, 0, FINE),
        (GREY8, 8, 0, FINE),
        (GREY16, 16, 0, FINE),
        (COLOUR8, 8, 2, FINE),
        (COLOUR16, 16, 2, 1 / 255),
    ],
)
def test_four_channels_keep_the_colour_that_is_transparent(
    tmp_path: Path, x: NDArray[np.generic], bits: int, kind: int, exact: float
) -> None:
    key = x[1, 2]
    png(x, bits, kind, keyed(*np.atleast_1d(key).tolist()))(tmp_path / "a.png")
    pixels = Images([tmp_path / "a.png"], 4, (H, W)).take(np.array([0]))[0]
    same = (x == key).reshape(H, W, -1).all(2)
    np.testing.assert_allclose(pixels, [*as_channels(x / (2**bits - 1), 3), ~same], rtol=0, atol=exact)


def test_what_is_transparent_does_not_run_into_what_is_seen(tmp_path: Path) -> None:
    x = np.full((8, 8), 65535, np.uint16)
    x[:, ::2] = 1000
    png(x, 16, 0, keyed(65535))(tmp_path / "a.png")
    pixels = Images([tmp_path / "a.png"], 4, (4, 4)).take(np.array([0]))[0]
    np.testing.assert_allclose(pixels[:3], 1000 / 65535, rtol=1e-5)
    assert pixels[3].min() > 0.3 and pixels[3].max() < 0.7


def test_a_finer_image_is_scaled_without_losing_its_depth(tmp_path: Path) -> None:
    values = np.arange(64, dtype=np.uint16).reshape(8, 8)  # one step of 8 bits is 257
    Image.fromarray(values).save(tmp_path / "a.png")
    pixels = Images([tmp_path / "a.png"], 1, (4, 4)).take(np.array([0]))[0, 0]
    reference = values.reshape(4, 2, 4, 2).mean((1, 3)) / 65535
    np.testing.assert_allclose(pixels[1:-1, 1:-1], reference[1:-1, 1:-1], rtol=1e-4)


def test_images_that_are_not_kept_have_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import netspec.data.images as module

    paths = [tmp_path / name for name in MODES]
    for path in paths:
        MODES[path.name][0](path)
    order = np.arange(len(paths))[::-1]
    whole = Images(paths, 3, (H, W)).take(order)
    for most in (0, 4 * 3 * H * W * 2, len(paths) * 3 * H * W):  # nothing, or only some of the finer ones
        monkeypatch.setattr(module, "MOST_BYTES", most)
        some = Images(paths, 3, (H, W))
        for _ in range(2):
            np.testing.assert_array_equal(some.take(order), whole)


def folder_of(folder: Path, names: list[str]) -> None:
    for kind in ("one", "two"):
        (folder / "set" / kind).mkdir(parents=True)
        for name in names:
            MODES[name][0](folder / "set" / kind / name)


NET = spec(
    "{x: [3, 4, 6]}",
    linear(2),
    "{source: {type: image_folder, path: set}, split: {train: 1}}",
    "loss: cross_entropy, epochs: 1",
)


def test_a_folder_of_mixed_modes_is_predicted_with_the_values_it_was_trained_on(tmp_path: Path) -> None:
    import torch

    folder_of(tmp_path, list(MODES))
    graph = netspec.load(NET, folder=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(graph, run=tmp_path / "run", device="cpu")
        said = predict(tmp_path / "run", tmp_path / "set", device="cpu")
    assert isinstance(said, Predictions)
    values = np.concatenate([as_channels(v, 3)[None] for _, (_, v, _) in sorted(MODES.items())] * 2)
    with torch.inference_mode():
        out = load_run(tmp_path / "run").module(torch.from_numpy(values.astype(np.float32))).softmax(1).numpy()
    assert said.labels == tuple(f"{kind}/{name}" for kind in ("one", "two") for name in sorted(MODES))
    np.testing.assert_allclose([r["out"]["probabilities"]["one"] for r in said.rows], out[:, 0], atol=0.02)
    one = predict(tmp_path / "run", tmp_path / "set" / "one" / "grey16.png", device="cpu")
    assert isinstance(one, Predictions)
    alone = one.rows[0]
    together = said.rows[sorted(MODES).index("grey16.png")]
    assert alone["out"]["probability"] == pytest.approx(together["out"]["probability"], abs=1e-6)


def forged(path: Path) -> None:
    """58 bytes that claim 1.6 billion pixels."""
    png(np.zeros((1, 1), np.uint8), 8, 0)(path)
    data = bytearray(path.read_bytes())
    data[16:24] = struct.pack(">II", 40_000, 40_000)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(data)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "nan.tif": (pillow(np.array([[np.nan, 0.5]], np.float32)), "it holds NaN or infinity"),
    "inf.tif": (pillow(np.array([[np.inf, 0.5]], np.float32)), "it holds NaN or infinity"),
    "wide.tif": (pillow(np.array([[0, 200]], np.float32)), "its floating values go from 0 to 200, expected 0 to 1"),
    "low.tif": (pillow(np.array([[-1, 0.5]], np.float32)), "its floating values go from -1 to 0.5, expected 0 to 1"),
    "int32.tif": (
        pillow(np.array([[1, 70000]], np.int32)),
        "whole numbers of 32 bits, or with a sign, have no scale: save it with 8 or 16 bits",
    ),
    "int16.tif": (pillow(np.array([[-1, 7]], np.int32)), "whole numbers of 32 bits, or with a sign, have no"),
    "samples.tif": (
        lambda path: (
            tiff(GREY8, 8, 1)(path)
            and path.write_bytes(
                path.read_bytes().replace(struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 277, 3, 1, 260))
            )
        ),
        "it is no image that Pillow can read",
    ),
    "text.png": (lambda path: path.write_text("no image"), "it is no image that Pillow can read"),
    "empty.jpg": (lambda path: path.write_bytes(b""), "it is no image that Pillow can read"),
    "bomb.png": (forged, "it has 1,600,000,000 pixels, the limit is 89,478,485|it has too many pixels, the limit is"),
    "pipe.png": (os.mkfifo, "it is a pipe or a device, expected a file"),
    "nowhere.png": (lambda path: path.symlink_to("nothing"), "it is a link that leads nowhere"),
    "loop.png": (lambda path: path.symlink_to(path), "it is a link that leads nowhere"),
    "zero.png": (lambda path: path.symlink_to("/dev/zero"), "it is a pipe or a device"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_image_or_has_no_scale_is_refused(
    tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import re

    make, expected = REFUSED[name]
    folder_of(tmp_path, ["grey.png", "colour.png"])
    train(netspec.load(NET, folder=tmp_path), run=tmp_path / "run", device="cpu")
    make(tmp_path / "set" / "one" / name)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own, which would keep what is logged from sight
    for path in (tmp_path / "set", tmp_path / "set" / "one" / name):
        with warnings.catch_warnings(), pytest.raises(NetspecError) as error:
            warnings.simplefilter("error")
            predict(tmp_path / "run", path, device="cpu")
        expected = expected.replace("it is a link that", "it is a link that|is a link that")
        assert re.search(f"NS60[28] .*{name}:? ({expected})", str(error.value))
    assert capfd.readouterr().err == ""  # not a word of Pillow's own
    with pytest.raises(NetspecError, match=f"NS608 cannot read the image .*{name}: "):
        train(netspec.load(NET, folder=tmp_path), run=tmp_path / "other", device="cpu")


def test_what_lies_beside_the_images(tmp_path: Path) -> None:
    folder_of(tmp_path, ["grey.png"])
    one = tmp_path / "set" / "one"
    (one / "._grey.png").write_bytes(b"\0\5\x16\7")  # as a Mac leaves them
    (one / ".thumbs").mkdir()
    (one / ".thumbs" / "a.png").write_bytes(b"")
    (one / "Thumbs.db").write_bytes(b"")
    (tmp_path / "set" / ".cache").mkdir()
    (one / "again").symlink_to(one, target_is_directory=True)
    (one / "more").mkdir()
    MODES["colour.png"][0](one / "more" / "COLOUR.PNG")
    loaded = dataset(NET, tmp_path)
    assert [p.name for p in loaded.parts["train"].inputs["x"].images.paths] == ["grey.png", "COLOUR.PNG", "grey.png"]  # type: ignore[union-attr]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    for name in ("None", "nan"):
        (tmp_path / "set" / name).mkdir(parents=True)
        MODES["grey.png"][0](tmp_path / "set" / name / "a.png")
    assert dataset(NET, tmp_path).preprocess.outputs["out"].names == ("None", "nan")


def test_folders_that_are_parts_and_not_classes(tmp_path: Path) -> None:
    for part in ("train", "test", "other"):
        for kind in ("cat", "dog"):
            (tmp_path / "set" / part / kind).mkdir(parents=True)
            MODES["grey.png"][0](tmp_path / "set" / part / kind / "a.png")
    text = "NS607 set/other holds folders (cat, …) and no images: a folder of set is a class"
    assert text in message(NET, tmp_path) and "write `path: set/other`" in message(NET, tmp_path)
    for part in ("train", "test", "other"):
        MODES["grey.png"][0](tmp_path / "set" / part / "a.png")
    assert len(dataset(NET.replace("features: 2", "features: 3"), tmp_path).parts["train"].inputs["x"]) == 9
    (tmp_path / "set" / "other").rename(tmp_path / "set" / "Val")
    assert "NS607 the folders of set are parts, not classes: Val, test, train" in message(NET, tmp_path)


@pytest.mark.parametrize(("to", "what"), [("two", "set/two"), ("..", "set"), ("/", "set")])
def test_a_link_that_would_put_an_image_into_two_classes(tmp_path: Path, to: str, what: str) -> None:
    folder_of(tmp_path, ["grey.png"])
    (tmp_path / "set" / "link").symlink_to("../set" if to == ".." else to, target_is_directory=True)
    assert f"set/link and {what} hold the same images" in message(NET, tmp_path)


WHOLE = ("grey16.png", "colour.png", "grey12.tif", "two.gif", "rgba.webp", "grey16.pgm", "float.tif")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.floats(0.1, 1),
)
def test_broken_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[float, int]], cut: float
) -> None:
    path = tmp_path_factory.mktemp("broken") / name
    MODES[name][0](path)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[min(int(place * len(data)), len(data) - 1)] = value
    path.write_bytes(data[: max(1, int(cut * len(data)))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pixels = Images([path], 3, (5, 5)).take(np.array([0]))
        except NetspecError as error:
            assert "NS608" in str(error)
        else:
            assert pixels.shape == (1, 3, 5, 5) and pixels.min() >= 0 and pixels.max() <= 1


def test_the_suffixes_are_those_that_pillow_opens() -> None:
    Image.init()
    assert set(SUFFIXES) <= set(Image.registered_extensions())
