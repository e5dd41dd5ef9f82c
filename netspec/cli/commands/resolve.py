"""`netspec resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.options import NetFile, Sets, quiet_option
from netspec.cli.output import notes, show, written
from netspec.source.errors import NetspecError


@command("netspec resolve resnet50.yaml", "netspec resolve net.yaml --set width=32 -o wide.yaml")
def resolve(
    file: NetFile,
    sets: Sets = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A file in place of standard output.", show_default=False)
    ] = None,
    quiet: Annotated[bool, quiet_option("Of a file that is written print its path alone.")] = False,
) -> None:
    """One file in place of several: what the file extends and includes, and what `--set` changes, put in.

    The result is the same network, in the form that `netspec fmt` writes; comments stay beside what is still there.
    """
    from netspec.cli.network_files import replace_text
    from netspec.frontend.document import load_document
    from netspec.frontend.fmt.canonical import resolved_file
    from netspec.source.files import check_output
    from netspec.source.tree import read_text
    from netspec.spec import compile_document

    with errors():
        if out is not None:
            check_output(out)
        path = Path(file)
        document = load_document(read_text(path), path, sets=sets or ())
        spec = compile_document(document, hold_budget=False)
        text = resolved_file(document)
        if out is None:
            typer.echo(text, nl=False)
            return
        _refuse_to_replace(out, [document.folder / name for name in document.files])
        if spec.data is not None and out.parent.resolve() != document.folder.resolve():
            data_path = getattr(spec.data.source, "path", None)
            if data_path is not None and not quiet:
                moved = f"`data.source.path: {data_path}` counts from the folder of the file: adjust it in {out}"
                show(notes([moved]))
        replace_text(out, text)
        number = len(document.files)
        show([written(out, f"put together from {number:,} files" if number > 1 else "", quiet=quiet)])


def _refuse_to_replace(out: Path, files: list[Path]) -> None:
    """Raises NS107 for a file that is read, and for one that is no YAML."""
    if any(out.exists() and path.exists() and out.samefile(path) for path in files):
        message, hint = "is one of the files that are put together", "choose another name"
    elif out.is_file() and out.suffix not in (".yaml", ".yml"):
        message, hint = "is there already, and is no YAML file", "choose a name that ends in .yaml"
    else:
        return
    raise NetspecError("NS107", message, name=str(out), hint=hint)
