"""Reads task files; an error names the file, the key and the value."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mentalglm.errors import UserError
from mentalglm.tasks.schema import Task

FOLDER = Path(__file__).parent


@cache
def task_names() -> tuple[str, ...]:
    """The names of the tasks that come with the package, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def load_task(name: str) -> Task:
    """The task called ``name``.

    Raises:
        UserError: No such task; the message lists the known ones.
    """
    if name not in task_names():
        raise UserError(f"unknown task {name!r}; known tasks: {', '.join(task_names())}", code="unknown_task")
    return load_task_file(FOLDER / f"{name}.yaml")


def load_task_file(path: Path) -> Task:
    """Reads one task file.

    Raises:
        UserError: The file is missing, is not YAML, or breaks the schema; the message names file, key and value.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", code="missing_file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
    try:
        task = Task.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}") from None
    if task.name != path.stem:
        raise UserError(f"{path}: name: {task.name!r} must equal the file's name, {path.stem!r}")
    return task


def prompt_hash(task: Task, style: str) -> str:
    """sha256 over the task and the style used: equal hashes mean equal prompts, labels and definitions."""
    content = task.model_dump_json(exclude={"styles"}) + task.styles[style].model_dump_json()
    return hashlib.sha256(content.encode()).hexdigest()


def first_problem(error: ValidationError) -> str:
    """One line on the first thing wrong in a file: its key, what is wrong, the value seen."""
    problem: Any = error.errors()[0]
    key = ".".join(map(str, problem["loc"])) or "the whole file"
    if problem["type"] == "missing":
        return f"{key}: missing; add it"
    value = repr(problem["input"])
    shown = value if len(value) <= 80 else value[:77] + "…"
    rest = len(error.errors()) - 1
    return f"{key}: {problem['msg']}; the value is {shown}" + (f" (and {rest} more problems)" if rest else "")
