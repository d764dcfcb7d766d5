"""``python -m instructions import``."""

from pathlib import Path
from typing import Annotated

import typer

from mentalglm.errors import UserError


def import_workbook(
    workbook: Annotated[Path, typer.Argument(help="A lab's own workbook (.xlsx).")],
    out: Annotated[
        Path | None, typer.Option(help="Where the results go; out/import/NAME by default, or the mapping's folder.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="The task that the labels belong to; a new name for a new task.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="A mapping that an earlier run proposed and you mended.")] = None,
    adjudicated: Annotated[Path | None, typer.Option(help="An adjudication sheet that you filled in.")] = None,
) -> None:
    """Propose how a lab's workbook is read, measure its annotators' agreement, list what they disagree on."""
    from instructions.workbook.steps import follow_mapping, propose_mappings

    def say(line: str) -> None:
        typer.echo(line, err=True)

    if mapping is not None:
        if task is not None:
            raise UserError("--task and --mapping: the mapping names its tasks; leave --task out")
        follow_mapping(workbook, out or mapping.parent, mapping, adjudicated, say)
    elif adjudicated is not None:
        raise UserError("--adjudicated needs the mapping that the sheet was written with; add --mapping")
    else:
        propose_mappings(workbook, out or Path("out/import") / workbook.stem, task, say, typer.echo)
