"""`netspec export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.application import command
from netspec.cli.errors import errors
from netspec.cli.load import compiled
from netspec.cli.options import Sets, quiet_option
from netspec.cli.output import notes, show, written

FRESH = "a netspec file has no trained weights; they are fresh. Name a run folder for trained ones."


@command(
    "netspec export runs/digits_cnn-1",
    "netspec export net.yaml -o net.onnx",
    "netspec export runs/char_lstm-1 --streaming",
)
def export(
    source: Annotated[
        Path, typer.Argument(metavar="FILE-or-RUN", help="A netspec file or a run folder.", show_default=False)
    ],
    onnx: Annotated[bool, typer.Option("--onnx", help="The format: the only one, so it can be left out.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="NAME.onnx if left out.", show_default=False)] = None,
    sets: Sets = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="For sequences in pieces: each state of a recurrent layer becomes an input `LAYER.STATE_0` and an "
            "output `LAYER.STATE_n`, (B, num_layers, size). Feed the states that one piece returns to the next, and "
            "zeros to the first (a learned initial state is in the file's metadata, `netspec.streaming`). Together the "
            "outputs of the pieces are those of the whole sequence; outputs without a time axis are those of the "
            "sequence so far. Refused for layers that read other time steps: bidirectional ones, and pooling, "
            "convolution or attention over time.",
        ),
    ] = False,
    quiet: Annotated[bool, quiet_option("Print nothing but the path of the file.")] = False,
) -> None:
    """Write an ONNX file, compared with the PyTorch module under onnxruntime before it is kept."""
    with errors():
        from netspec.backends.export import export_onnx
        from netspec.backends.onnx.draft import OPSET
        from netspec.backends.onnx.model import check_size
        from netspec.backends.onnx.spec_meta import origin_meta
        from netspec.frontend.origin import origin_of
        from netspec.source.files import check_output, file_name

        if out is not None:
            check_output(out)
        metadata: dict[str, str] = {}
        if source.is_dir():
            from netspec.training.model import META
            from netspec.training.trained import load_run

            if sets:
                raise typer.BadParameter("a run has its values already", param_hint="--set")
            loaded = load_run(source)
            graph, module = loaded.spec, loaded.module
            remarks = loaded.notes
            metadata[META] = loaded.preprocess.to_json()
            metadata |= origin_meta(loaded.info.origin)
        else:
            from netspec.backends.torch.module import to_torch

            graph = compiled(str(source), sets)
            check_size(graph)
            module = to_torch(graph)
            metadata |= origin_meta(origin_of(graph.document))
            remarks = (FRESH,)
        if not quiet:
            show(notes(remarks))
        path = out or Path(f"{file_name(graph.name, 'network')}.onnx")
        parity = export_onnx(graph, module, path, metadata, streaming)
        show([written(path, f"opset {OPSET}, agrees with PyTorch: {parity.text()}", quiet=quiet)])
