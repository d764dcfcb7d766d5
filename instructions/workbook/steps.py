"""The steps of an import: propose a mapping or take an edited one, measure agreement, ask for or take in decisions."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instructions.sources.source import Source, load_source, source_from
from instructions.workbook.adjudication import Decisions, filled_in, read_decisions, write_adjudication
from instructions.workbook.answers import TaskAnswers, described_sheets, read_answers
from instructions.workbook.mapping_text import mapping_text, source_text, task_text
from instructions.workbook.propose import Proposal, propose
from instructions.workbook.report import as_json, as_markdown, one_line
from instructions.workbook.sheets import Sheet, read_sheets
from instructions.workbook.statistics import agreement
from instructions.workbook.table import write_table
from instructions.write import make_folder
from mentalglm.errors import UserError
from mentalglm.tasks.loader import add_task, add_tasks, task_from, task_names

Say = Callable[[str], Any]


def propose_mappings(workbook: Path, out: Path, task: str | None, say: Say, show: Say) -> None:
    """The first run: a mapping for every layout in the workbook, and what follows from it.

    Args:
        workbook: The .xlsx file.
        out: Where everything is written.
        task: The name of the task that the labels belong to, where the user gave it.
        say: Takes notices.
        show: Takes the mappings.

    Raises:
        UserError: The file is no workbook or holds no posts with labels, or an earlier mapping would be overwritten.
    """
    if task is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", task):
        raise UserError(f"--task {task!r}: a task is called by small letters, digits and _, such as sleep_trouble")
    earlier = out / "mapping.yaml"
    if earlier.exists():
        raise UserError(f"{earlier} is already there; go on with --mapping {earlier}, or choose another --out")
    add_tasks(out / "tasks")
    sheets, notes = read_sheets(workbook)
    proposals, more = propose(workbook, sheets, task)
    for note in [*notes, *more]:
        say(f"note: {note}")
    if not proposals:
        raise UserError(
            f"{workbook}: no sheet has a column of posts and columns of labels; name the task with --task "
            f"({', '.join(task_names())}, or a new name), or give the columns plainer names"
        )
    make_folder(out)
    for number, proposal in enumerate(proposals, 1):
        suffix = "" if number == 1 else f"-{number}"
        path = out / f"mapping{suffix}.yaml"
        text = mapping_text(proposal, _heading(workbook, path, proposal))
        _write(path, text)
        show(text)
        for new in proposal.new_tasks:
            place = out / "tasks" / f"{new['name']}.yaml"
            if new["name"] not in task_names():
                add_task(task_from(new, str(place)))
                make_folder(place.parent)
                _write(place, task_text(new))
        for todo in proposal.todos:
            say(f"TODO {path.name}: {todo}")
        source = source_from(proposal.source, str(path))
        _measure(workbook, source, proposal.sheets, out, suffix, None, say)


def follow_mapping(workbook: Path, out: Path, mapping: Path, adjudicated: Path | None, say: Say) -> None:
    """A later run: the mapping as somebody mended it and, where given, the sheet that somebody filled in.

    Raises:
        UserError: The mapping is wrong or does not fit the workbook, or decisions would be overwritten.
    """
    add_tasks(mapping.parent / "tasks")
    source = load_source(mapping if mapping.suffix else Path(f"{mapping}.yaml"))
    suffix = mapping.stem.removeprefix("mapping") if mapping.stem.startswith("mapping") else ""
    sheets = described_sheets(source, workbook)
    make_folder(out)
    _measure(workbook, source, sheets, out, suffix, adjudicated, say)


def _measure(
    workbook: Path, source: Source, sheets: list[Sheet], out: Path, suffix: str, adjudicated: Path | None, say: Say
) -> None:
    tasks = read_answers(source, sheets)
    if not tasks:
        raise UserError(f"{source.name}: the mapping names no task with labels; add one under tasks")
    sheet = out / f"adjudication{suffix}.xlsx"
    if adjudicated is not None:
        _take_in(read_decisions(adjudicated, tasks), tasks, say)
    elif filled_in(sheet):
        many = filled_in(sheet)
        raise UserError(f"{sheet} holds {many} decisions; add --adjudicated {sheet}, or choose another --out")
    else:
        sheet.unlink(missing_ok=True)
        asked = write_adjudication(sheet, tasks)
        if asked:
            say(f"{sheet}: {asked} disagreements to settle")
    found = [agreement(answers) for answers in tasks]
    _write(out / f"agreement{suffix}.json", as_json(workbook.name, found))
    _write(out / f"agreement{suffix}.md", as_markdown(workbook.name, found))
    for result in found:
        say(one_line(result))
    if adjudicated is not None or not all(sheet.plain for sheet in sheets):
        table = out / f"table{suffix}.xlsx"
        described = write_table(table, source, tasks)
        heading = [f"What is in {workbook.name}, as one plain table. The build reads this file; --data is {out}."]
        _write(table.with_suffix(".yaml"), source_text(described, heading))
        say(f"{table.with_suffix('.yaml')}: the source to build from")


def _take_in(decisions: Decisions, tasks: list[TaskAnswers], say: Say) -> None:
    for answers in tasks:
        decided = decisions.by_task.get(answers.task.name, {})
        for item in answers.items:
            item.final = decided.get(item.key, item.final)
        say(f"{answers.task.name}: {len(decided)} decisions taken in")
    for fault in decisions.faults:
        say(f"not used: {fault}")


def _heading(workbook: Path, path: Path, proposal: Proposal) -> list[str]:
    lines = [
        f"A proposal for {workbook.name}, sheets {', '.join(sheet.name for sheet in proposal.sheets)}. Every line is a "
        "guess, its reason behind it.",
        "Mend what is wrong and settle every TODO; then run again with:",
        f"  python -m instructions import {workbook} --mapping {path}",
    ]
    if not all(sheet.plain for sheet in proposal.sheets):
        lines.append(
            "The build cannot read this layout (two header rows, merged cells or a name twice); it reads table.yaml, "
            "which is written anew with every run."
        )
    return lines


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
