"""The source `image_folder`: one folder of images a class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netspec.data.image_files import SUFFIXES, find_images, images_below
from netspec.data.network import Network, need_floating, only_name
from netspec.data.sources.base import DataSource, SampleFiles, files_hint, source
from netspec.shapes.tensor import TensorType
from netspec.source.errors import NetspecError
from netspec.source.records import Positive
from netspec.source.text import printable

if TYPE_CHECKING:
    from netspec.data.preprocess import Preprocess
    from netspec.data.raw import Raw, Samples


@source("image_folder")
class ImageFolder(DataSource, SampleFiles):
    """Images in one folder a class, which gives the class its name.

    They are scaled and cropped about the centre to the input's height and width (`size` where those are symbolic), are
    grey, RGB or RGBA as the input has 1, 3 or 4 channels, and have values from 0 to 1.
    """

    path_is_folder: ClassVar[bool] = True
    predicted_from: ClassVar[str] = "image_folder"
    suffixes: ClassVar[frozenset[str]] = SUFFIXES
    folders: ClassVar[bool] = True
    files: ClassVar[str] = "an image, or a folder of images"

    path: str
    size: Positive | tuple[Positive, Positive] | None = None

    def read(self, network: Network) -> Raw:
        import numpy as np

        from netspec.data.images import Images
        from netspec.data.preprocess import InputRule
        from netspec.data.raw import Raw, RawTarget

        span = self.span_at("path")
        x_name = only_name(network.inputs, "input", self.name, span)
        y_name = only_name(network.outputs, "output", self.name, span)
        type_ = network.inputs[x_name]
        channels, size = self._channels_and_size(type_, x_name)
        need_floating(type_, x_name, span)
        paths, labels = find_images(network.folder / self.path, self.path, span)
        images = Images(paths, channels, size, span)
        rule = InputRule("image", (channels, *size), type_.dtype, channels=channels, size=size)
        target = RawTarget(np.array(labels), f"{self.path}/", span, folders=True)
        return Raw({x_name: images}, {x_name: rule}, {y_name: target}, len(paths))

    def _channels_and_size(self, type_: TensorType, name: str) -> tuple[int, tuple[int, int]]:
        """Raises NS605 for an input that takes no images, or whose size is not known."""
        from netspec.data.pixels import MODES

        if type_.rank != 4 or type_.shape[1] not in MODES:
            text = f"input `{name}` is {type_}, an image is (B, C, H, W) with 1, 3 or 4 channels"
            raise NetspecError("NS605", text, self.span_at(), hint=f"write `{name}: [3, 64, 64]` in `inputs`")
        channels, height, width = type_.shape[1:]
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if isinstance(height, int) and isinstance(width, int):
            if size is not None and size != (height, width):
                text = f"`size` is {size[0]}×{size[1]}, input `{name}` is {type_}"
                hint = "leave `size` out: the input's own is taken"
                raise NetspecError("NS605", text, self.span_at("size"), hint=hint)
            size = (height, width)
        if size is None:
            text = f"input `{name}` is {type_}: the images' height and width are not known"
            raise NetspecError("NS605", text, self.span_at(), hint="add `size: [height, width]`")
        assert isinstance(channels, int)
        return channels, size

    @classmethod
    def describe(cls, preprocess: Preprocess) -> str:
        return "an image" if all(rule.kind == "image" for rule in preprocess.inputs.values()) else ""

    @classmethod
    def read_samples(cls, path: Path, preprocess: Preprocess) -> Samples:
        import numpy as np

        from netspec.data.images import Images
        from netspec.data.raw import Samples

        rules = list(preprocess.inputs.values())
        if len(rules) != 1 or rules[0].kind != "image" or rules[0].size is None:
            raise NetspecError("NS632", "the network does not take images", name=str(path), hint=files_hint(preprocess))
        rule, size = rules[0], rules[0].size
        files = images_below(path, str(path), None) if path.is_dir() else [path]
        if not files:
            raise NetspecError("NS632", "holds no images", name=str(path), hint="expected .png, .jpg …")
        values = Images(files, rule.channels, size).take(np.arange(len(files)))
        labels = [str(f.relative_to(path)) if path.is_dir() else f.name for f in files]
        return Samples([printable(label) for label in labels], [replace(rule, divide=1.0).apply(values)])
