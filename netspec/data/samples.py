"""New samples for a trained network: which source reads the file they come in."""

from __future__ import annotations

from pathlib import Path

from netspec.data.files import missing_file
from netspec.data.preprocess import Preprocess
from netspec.data.raw import Samples
from netspec.data.sources.base import SOURCES, SampleFiles, sample_files
from netspec.source.errors import NetspecError


def read_samples(path: Path, preprocess: Preprocess) -> Samples:
    """What the samples are called, and each input as the network takes it.

    Raises NS602 to NS608 for what is wrong in the file, NS632 for one of the wrong kind.
    """
    if not path.exists():
        raise missing_file(path, str(path), None, "check the path")
    reader = _reader(path, preprocess)
    if reader is None:
        files = ", ".join(sorted(reader.files for reader in sample_files()))
        text = f"cannot read a `{path.suffix.lower() or path.name}` file"
        raise NetspecError("NS632", text, name=str(path), hint=f"expected {files}")
    return reader.read_samples(path, preprocess)


def writes_on(path: Path, preprocess: Preprocess) -> bool:
    """Whether what is given is the beginning of a text, which the network writes on from, and not a file's name."""
    source = SOURCES.get(preprocess.source)
    if source is None or not source.prompted:
        return False
    files = SOURCES[source.predicted_from]
    return not (issubclass(files, SampleFiles) and path.suffix.lower() in files.suffixes)


def _reader(path: Path, preprocess: Preprocess) -> type[SampleFiles] | None:
    """The source whose files end so, or come in folders, or have any name and are what the network takes."""
    readers = sample_files()
    named = [reader for reader in readers if path.suffix.lower() in reader.suffixes]
    in_folders = [reader for reader in readers if reader.folders and path.is_dir()]
    unnamed = [reader for reader in readers if reader.any_name and reader.describe(preprocess)]
    return next(iter([*named, *in_folders, *unnamed]), None)
