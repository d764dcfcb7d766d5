"""Tasks: what is asked of a post, which labels answer it, and how question and answer are worded."""

from mentalglm.tasks.loader import load_task, load_task_file, prompt_hash, task_names
from mentalglm.tasks.schema import Bilingual, Crisis, Label, Style, Task

__all__ = ["Bilingual", "Crisis", "Label", "Style", "Task", "load_task", "load_task_file", "prompt_hash", "task_names"]
