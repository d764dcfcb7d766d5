"""Reads task files; an error names the file, the key and the value."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mentalglm.errors import UserError
from mentalglm.tasks.schema import Task
from mentalglm.tasks.simple import SimpleTask
from mentalglm.yaml_files import first_problem, yaml_in

FOLDER = Path(__file__).parent
# Where a corpus, a model and a run keep the tasks that do not come with the package.
TASKS = "tasks"

# Tasks that come with a data set or a model and not with the package; see add_task.
_added: dict[str, Task] = {}
# What stands for no single task in commands and instruction rows.
_RESERVED = ("all", "dialogue")


@cache
def shipped_task_names() -> tuple[str, ...]:
    """The names of the tasks that come with the package, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def task_names() -> tuple[str, ...]:
    """The names of all tasks known in this process, sorted."""
    return tuple(sorted({*shipped_task_names(), *_added}))


def load_task(name: str) -> Task:
    """The task called ``name``.

    Raises:
        UserError: No such task; the message lists the known ones.
    """
    if name in _added:
        return _added[name]
    if name not in shipped_task_names():
        raise UserError(f"unknown task {name!r}; known tasks: {', '.join(task_names())}", code="unknown_task")
    return _shipped(name)


@cache
def _shipped(name: str) -> Task:
    return load_task_file(FOLDER / f"{name}.yaml")


def add_task(task: Task) -> None:
    """Makes ``task`` known in this process. Of a task known already, other variants of the question may be given.

    Raises:
        UserError: The name is taken by a task with other labels, definitions or wordings, or stands for no single task.
    """
    if task.name in _RESERVED:
        raise UserError(f"a task cannot be called {task.name!r}, which has a meaning of its own; rename it")
    if task.name in task_names() and _hashes(load_task(task.name)) != _hashes(task):
        where = "comes with the package" if task.name in shipped_task_names() else "was read before"
        raise UserError(f"task {task.name!r} {where} with other labels or wordings; give yours another name")
    _added[task.name] = task


def add_tasks(folder: Path) -> list[str]:
    """Makes the tasks in ``folder`` known in this process, one ``NAME.yaml`` each; an absent folder holds none.

    Returns:
        Their names, sorted.

    Raises:
        UserError: A file breaks the schema, or a name is taken; the message names the file.
    """
    tasks = {path: load_task_file(path) for path in sorted(folder.glob("*.yaml"))}
    for path, task in tasks.items():
        _add_from(path, task)
    return [task.name for task in tasks.values()]


def add_task_of(folder: Path, name: str) -> None:
    """Makes the task ``name`` known where ``folder`` brings it along in ``tasks/``, and it does not ship.

    Other task files there are left alone: the folder may be anybody's.

    Raises:
        UserError: The file breaks the schema, or another task of that name is known already.
    """
    path = folder / TASKS / f"{name}.yaml"
    if name not in shipped_task_names() and path.is_file():
        _add_from(path, load_task_file(path))


def _add_from(path: Path, task: Task) -> None:
    try:
        add_task(task)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def keep_task(folder: Path, name: str) -> None:
    """Writes the task ``name`` into ``folder``'s ``tasks/`` unless it ships: the folder can then be used anywhere."""
    if name not in shipped_task_names():
        dump_task(load_task(name), folder / TASKS / f"{name}.yaml")


def dump_task(task: Task, path: Path) -> None:
    """Writes ``task`` in full; :func:`load_task_file` reads an equal task back.

    Args:
        task: The task.
        path: The file, ``NAME.yaml``; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = task.model_dump(mode="json", exclude_defaults=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")


def load_task_file(path: Path) -> Task:
    """Reads one task file, in full or in short form.

    Raises:
        UserError: The file is missing, is not YAML, or breaks the schema; the message names file, key and value.
    """
    task = task_from(yaml_in(path), str(path))
    if task.name != path.stem:
        raise UserError(f"{path}: name: {task.name!r} must equal the file's name, {path.stem!r}")
    return task


def task_from(mapping: Any, where: str) -> Task:
    """A task from what a YAML file holds: the full form where it has ``styles``, else the short one.

    Args:
        mapping: The parsed YAML.
        where: What an error names as the place, such as the file.

    Raises:
        UserError: A key is missing, unknown or wrong, or two labels could not be told apart in an answer.
    """
    if not isinstance(mapping, dict):
        raise UserError(f"{where}: holds no task; write name, kind, language, question and labels")
    try:
        task = Task.model_validate(mapping) if "styles" in mapping else SimpleTask.model_validate(mapping).full()
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error)}") from None
    unreadable = _unreadable(task)
    if unreadable is not None:
        raise UserError(f"{where}: labels: {unreadable}; choose other names")
    return task


def _unreadable(task: Task) -> str | None:
    """What is wrong with labels that an answer would not give back when it is read, or None."""
    # Answers are built upon tasks, so this may not be imported while the package is still being set up.
    from mentalglm.answer import Answer, Quote, parse_answer, render_answer

    names = tuple(task.label_names)
    sets: list[tuple[str, ...]] = [(name,) for name in names] + ([(), names] if task.many else [])
    for style, template in task.styles.items():
        for labels in sets:
            quotes = tuple(Quote("字", label if task.many else None) for label in labels)
            answer = Answer(labels, None if template.evidence is None else quotes, "字")
            try:
                readable = parse_answer(render_answer(answer, task, style), task, style) == answer
            except ValueError:
                readable = False
            if not readable:
                which = repr(labels[0]) if len(labels) == 1 else "all of them" if labels else "none of them"
                return f"an answer with {which} could not be read back in style {style!r}"
    return None


def _hashes(task: Task) -> dict[str, str]:
    return {style: prompt_hash(task, style) for style in task.styles}


def prompt_hash(task: Task, style: str) -> str:
    """sha256 over the task and the style used: equal hashes mean equal prompts, labels and definitions.

    Variants of the question are left out: they are training data, and no model is asked in them.
    """
    content = task.model_dump_json(exclude={"styles"}) + task.styles[style].model_dump_json(exclude={"variants"})
    return hashlib.sha256(content.encode()).hexdigest()
