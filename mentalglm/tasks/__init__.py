"""Tasks: what is asked of a post, which labels answer it, and how question and answer are worded."""

from mentalglm.tasks.loader import (
    TASKS,
    add_task,
    add_task_of,
    add_tasks,
    dump_task,
    keep_task,
    load_task,
    load_task_file,
    prompt_hash,
    shipped_task_names,
    task_from,
    task_names,
)
from mentalglm.tasks.schema import Bilingual, Crisis, Label, Style, Task

__all__ = [
    "TASKS",
    "Bilingual",
    "Crisis",
    "Label",
    "Style",
    "Task",
    "add_task",
    "add_task_of",
    "add_tasks",
    "dump_task",
    "keep_task",
    "load_task",
    "load_task_file",
    "prompt_hash",
    "shipped_task_names",
    "task_from",
    "task_names",
]
