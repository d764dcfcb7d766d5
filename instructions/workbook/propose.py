"""Proposes how a lab's workbook is to be read: a source's YAML per layout, every guess with its reason."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructions.sources.cells import tick_of
from instructions.workbook.answers_in import Answers
from instructions.workbook.roles import Columns, Roles, columns_of, guess_roles
from instructions.workbook.sheets import Sheet
from instructions.workbook.tasks_of import guess_tasks
from instructions.workbook.values import parts

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_SHOWN = 30  # values written into a map; a column with more is another column

KeyPath = tuple[str | int, ...]


@dataclass
class Proposal:
    """How sheets of one layout are to be read.

    Attributes:
        source: The source, in the form of its YAML.
        comments: Key path in ``source`` -> why it is so.
        todos: What could not be guessed.
        new_tasks: Tasks that nobody has described yet, in short form.
        sheets: The sheets it is about.
    """

    source: dict[str, Any]
    comments: dict[KeyPath, str]
    todos: list[str]
    new_tasks: list[dict[str, Any]]
    sheets: list[Sheet] = field(repr=False)


def propose(path: Path, sheets: list[Sheet], wanted: str | None = None) -> tuple[list[Proposal], list[str]]:
    """Proposals for the sheets of ``path``, those of the most rows first, and notes on sheets left out.

    Args:
        path: The workbook.
        sheets: Its tables.
        wanted: The task's name, where the user gave it.
    """
    layouts: dict[tuple[str, ...], list[Sheet]] = {}
    for sheet in sheets:
        layouts.setdefault(tuple(sorted(sheet.columns)), []).append(sheet)
    proposals, notes = [], []
    for alike in layouts.values():
        columns = columns_of(alike)
        roles = guess_roles(columns)
        names = ", ".join(repr(sheet.name) for sheet in alike)
        if roles is None:
            notes.append(f"sheet {names}: no column of posts; left out")
            continue
        language = _language(columns.filled(roles.named["text"]))
        titles = [path.stem, *(sheet.name for sheet in alike)]
        tasks = guess_tasks(columns, roles.rest, language, titles, wanted)
        if not tasks:
            notes.append(f"sheet {names}: no column of labels was recognised; left out (name its task with --task)")
            continue
        proposals.append(_proposal(path, columns, roles, language, tasks))
    proposals.sort(key=lambda proposal: -sum(len(sheet.rows) for sheet in proposal.sheets))
    return proposals, notes


def _proposal(path: Path, columns: Columns, roles: Roles, language: str, tasks: list[Answers]) -> Proposal:
    comments: dict[KeyPath, str] = {}
    todos: list[str] = []
    files: list[dict[str, Any]] = []
    for sheet in columns.sheets:
        same = next((file for file in files if file["header_row"] == sheet.header_row), None)
        if same is None:
            files.append({"path": path.name, "sheets": [sheet.name], "header_row": sheet.header_row})
        else:
            same["sheets"].append(sheet.name)
    source: dict[str, Any] = {
        "name": re.sub(r"[\s:/\\]+", "-", path.stem),
        "title": path.stem,
        "reader": "table",
        "files": files,
        "licence": "NOASSERTION",
        "redistributable": False,
        "language": language,
        "text": roles.named["text"],
    }
    comments["licence",] = "TODO: who may use the texts, and how; NOASSERTION means that nothing is stated"
    comments["files", 0, "path"] = "relative to the build's --data"
    comments["text",] = roles.why["text"]
    todos.append("licence: who may use the texts")
    if roles.why["text"].startswith("TODO"):
        todos.append(f"text: is {roles.named['text']!r} the column of posts?")
    if "split" in roles.named:
        source |= {"splits": "column", "split_column": roles.named["split"]}
        comments["split_column",] = roles.why["split"]
    for role in ("id", "group", "explanation", "evidence"):
        if role in roles.named:
            source[role] = roles.named[role]
            comments[role,] = roles.why[role]
    if "explanation" in roles.named:
        source["explanation_by"] = "human"
    used = {name for answers in tasks for name in answers.columns()}
    meta = [name for name in roles.rest if name not in used]
    if meta:
        source["meta"] = meta
        comments["meta",] = "kept as they are; delete what must not leave the lab"
    source["tasks"] = []
    new_tasks = []
    for number, answers in enumerate(tasks):
        source["tasks"].append(_task_rows(answers, columns, ("tasks", number), comments, todos))
        if answers.new:
            new_tasks.append(_new_task(answers, language))
            todos.append(
                f"tasks.{number}.task: {answers.scale.task!r} is no known task; describe it in tasks/, or name it"
            )
    return Proposal(source, comments, todos, new_tasks, columns.sheets)


def _task_rows(
    answers: Answers, columns: Columns, at: KeyPath, comments: dict[KeyPath, str], todos: list[str]
) -> dict[str, Any]:
    rows: dict[str, Any] = {"task": answers.scale.task}
    comments[*at, "task"] = ("TODO name and describe it; " if answers.new else "") + answers.why
    if answers.final is not None:
        key = "labels" if isinstance(answers.final, str) else "ticks"
        rows[key] = answers.final
        lone = "the only column of its labels" if key == "labels" else "a tick where the label applies"
        comments[*at, key] = "the decision" if answers.by else lone
    if answers.by:
        rows["annotators"] = answers.by
        comments[*at, "annotators"] = "who labelled the posts; a blank cell means: not labelled"
    values = Counter(
        part
        for name in answers.columns()
        if (isinstance(answers.final, str) and name == answers.final) or name in answers.by.values()
        for cell in columns.filled(name)
        for part in parts(cell)
    )
    if answers.scale.kind == "multi" and any(
        isinstance(theirs, dict) for theirs in (answers.final, *answers.by.values())
    ):
        _blank_ticks(rows, answers, columns, at, comments, todos)
    strange = [value for value, _ in values.most_common() if answers.scale.exact(value) is None]
    mapped: dict[str, Any] = rows.pop("map", {})
    for value in strange[:_SHOWN]:
        guess = answers.scale.guess(value)
        if guess is None:
            mapped[value] = "TODO"
            todos.append(f"tasks.{at[-1]}.map: what does {value!r} stand for? ({values[value]} cells)")
        else:
            mapped[value] = guess if len(guess) != 1 else guess[0]
        comments[*at, "map", value] = f"{values[value]} cells" + ("; a guess" if guess else "")
    if mapped:
        rows["map"] = mapped
        comments[*at, "map"] = "value -> label; [] for none; null to leave the row out of this task"
    if len(strange) > _SHOWN:
        todos.append(f"tasks.{at[-1]}.map: {len(strange) - _SHOWN} more values are no labels; is it the right task?")
    return rows


def _blank_ticks(
    rows: dict[str, Any],
    answers: Answers,
    columns: Columns,
    at: KeyPath,
    comments: dict[KeyPath, str],
    todos: list[str],
) -> None:
    """Says what a row without any tick means, where no 0 says that somebody looked at it."""
    ticks = [list(theirs) for theirs in (answers.final, *answers.by.values()) if isinstance(theirs, dict)]
    if not any(_leaves_blank(names, columns) for names in ticks):
        return
    if isinstance(answers.final, str):  # a blank decision must stay blank
        todos.append(f"tasks.{at[-1]}: a row that an annotator ticked nothing in counts as not labelled by them")
        return
    rows["map"] = {"": []}
    comments[*at, "map", ""] = "a row without any tick: none of them; delete this line if it means: not labelled yet"
    todos.append(f"tasks.{at[-1]}.map: does a row without any tick mean none of them, or not labelled yet?")


def _leaves_blank(names: list[str], columns: Columns) -> bool:
    """Whether somebody writes no 0, and ticks nothing in some rows."""
    rows = list(zip(*(columns.cells[name] for name in names), strict=True))
    return not any(tick_of(cell) is False for row in rows for cell in row) and not all(map(any, rows))


def _new_task(answers: Answers, language: str) -> dict[str, Any]:
    question = "TODO：这个帖子……？" if language == "zh" else "TODO: which … does the post show?"
    return {
        "name": answers.scale.task,
        "kind": answers.scale.kind,
        "language": language,
        "question": question,
        "labels": dict.fromkeys(answers.scale.labels, "TODO"),
    }


def _language(posts: list[str]) -> str:
    sample = "".join(posts[:200])
    return "zh" if len(_CHINESE.findall(sample)) > 0.1 * len(sample) else "en"
