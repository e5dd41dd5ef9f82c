"""Image folders: which files they hold, and which folders are classes."""

from __future__ import annotations

from pathlib import Path

from netspec.data.files import MissingDataError
from netspec.source.errors import NetspecError
from netspec.source.text import Span

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
PARTS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))


def find_images(folder: Path, shown: str, span: Span | None) -> tuple[list[Path], list[str]]:
    """The image files in the folder's folders, in the order of the alphabet, and each one's folder name.

    Raises NS602 (no such folder) and NS607 (nothing in it, or its folders are no classes).
    """
    hint = "paths are relative to the netspec file"
    if not folder.exists():
        raise MissingDataError("NS602", f"no such folder: {shown}", span, hint=hint)
    if not folder.is_dir():
        raise NetspecError("NS602", f"is a file, expected a folder: {shown}", span, hint=hint)
    classes = [p for p in _entries(folder, shown, span) if p.is_dir()]
    if not classes:
        raise NetspecError("NS607", f"{shown} holds no folders", span, hint="put the images into one folder a class")
    _check_links(classes, folder, shown, span)
    images_of = {each: images_below(each, f"{shown}/{each.name}", span) for each in classes}
    for each, images in images_of.items():
        _check_class(each, images, shown, span)
    if len(classes) > 1 and PARTS.issuperset(each.name.lower() for each in classes):
        text = f"the folders of {shown} are parts, not classes: {', '.join(each.name for each in classes)}"
        hint = "put all images into one folder a class: `split` draws the parts"
        raise NetspecError("NS607", text, span, hint=hint)
    paths = [path for images in images_of.values() for path in images]
    return paths, [folder.name for folder, images in images_of.items() for _ in images]


def images_below(folder: Path, shown: str, span: Span | None) -> list[Path]:
    """The files that are named as images, in the folder and those in it.

    What is hidden counts for nothing, and links to folders are not followed.  Raises NS602.
    """
    images = []
    for path in _entries(folder, shown, span):
        if path.is_dir():
            images += [] if path.is_symlink() else images_below(path, f"{shown}/{path.name}", span)
        elif path.suffix.lower() in SUFFIXES:
            images.append(path)
    return images


def _entries(folder: Path, shown: str, span: Span | None) -> list[Path]:
    """What is not hidden, in the order of the alphabet.  Raises NS602."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise NetspecError("NS602", f"{shown} cannot be read: {error.strerror or error}", span) from None


def _check_class(each: Path, images: list[Path], shown: str, span: Span | None) -> None:
    """Raises NS607 for a folder that is no class."""
    here = f"{shown}/{each.name}"
    if not here.isprintable():
        raise NetspecError("NS607", f"the name of {here} cannot be shown", span, hint="rename the folder")
    if not images:
        kinds = ", ".join(sorted(SUFFIXES))
        raise NetspecError("NS607", f"no images in {here}", span, hint=f"an image ends in one of {kinds}")
    if not any(path.parent == each for path in images):
        inner = images[0].relative_to(each).parts[0]
        text = f"{here} holds folders ({inner}, …) and no images: a folder of {shown} is a class"
        hint = f"are its folders the classes? then write `path: {here}`; `split` draws the parts"
        raise NetspecError("NS607", text, span, hint=hint)


def _check_links(classes: list[Path], folder: Path, shown: str, span: Span | None) -> None:
    """A link may lead to another class, or above all of them: the same images would be in two."""
    resolved = {each: each.resolve() for each in classes}
    for each, path in resolved.items():
        above = path in (folder.resolve(), *folder.resolve().parents)
        same = (o for o, real in resolved.items() if o != each and (path == real or path in real.parents))
        other = next(same, None)
        if above or other is not None:
            twin = shown if other is None or above else f"{shown}/{other.name}"
            text = f"{shown}/{each.name} and {twin} hold the same images"
            raise NetspecError("NS607", text, span, hint="remove the link")
