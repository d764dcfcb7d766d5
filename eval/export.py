"""Tasks and posts for other harnesses: lm-evaluation-harness (YAML and JSONL) and inspect (a task file and JSONL).

The posts go out as they are, so the export of third-party data is third-party data. Both harnesses get the prompt as it
is rendered here, and tell an answer right where the labels that :func:`mentalglm.answer.parse_answer` reads from it are
the gold ones; an answer that cannot be read is wrong.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from eval.data import Data, load_data, load_entry
from eval.start import suite_data
from eval.suite import Settings, load_suite
from mentalglm.answer import Answer, render_head
from mentalglm.errors import UserError
from mentalglm.prompt import build_messages
from mentalglm.tasks import Task, load_task

FORMATS = ("lm-eval", "inspect")

_ANSWERS = '''"""Reads answers to exported tasks. Needs mentalglm."""

from mentalglm.answer import parse_answer
from mentalglm.tasks import load_task


def score(doc, results):
    """Whether the labels of the reply are the gold ones; a reply that cannot be read is wrong."""
    answer = parse_answer(results[0], load_task(doc["task"]), doc["style"])
    right = answer is not None and set(answer.labels) == set(doc["labels"])
    return {"labels_right": float(right), "parsed": float(answer is not None)}
'''

_INSPECT = '''"""The task {name} for inspect. Needs mentalglm."""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import Score, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from mentalglm.answer import parse_answer
from mentalglm.tasks import load_task

HERE = Path(__file__).parent


@scorer(metrics=[accuracy(), stderr()])
def labels_right():
    """Whether the labels of the reply are the gold ones; a reply that cannot be read is wrong."""

    async def score(state: TaskState, target: Target) -> Score:
        doc = state.metadata
        answer = parse_answer(state.output.completion, load_task(doc["task"]), doc["style"])
        labels = None if answer is None else list(answer.labels)
        right = labels is not None and set(labels) == set(doc["labels"])
        return Score(value=1.0 if right else 0.0, answer=None if labels is None else "、".join(labels))

    return score


@task
def {name}() -> Task:
    """{title}"""
    fields = FieldSpec(input="prompt", target="target", id="id", metadata=["task", "style", "labels"])
    dataset = json_dataset(str(HERE / "{name}.jsonl"), fields)
    return Task(dataset=dataset, solver=generate(temperature=0.0, max_tokens=512), scorer=labels_right())
'''


def export_tasks(
    suite: str | None,
    task: str | None,
    data: Path | None,
    to: str,
    out: Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    style: str | None = None,
) -> list[Path]:
    """Writes a suite's tasks, or one, with their posts.

    Args:
        suite: The suite; or
        task: the task.
        data: A file of labelled posts, or the folder that holds the files.
        to: One of :data:`FORMATS`.
        out: The folder to write.
        split: Which rows.
        limit: At most so many rows per task.
        style: How the tasks are asked; each task's first style by default.

    Returns:
        The files written.

    Raises:
        UserError: The format is not known, nothing can be read, or a task lacks the style.
    """
    if to not in FORMATS:
        raise UserError(f"--to {to!r} is not known; use {', '.join(FORMATS)}")
    if (suite is None) == (task is None):
        raise UserError("name a suite or --task NAME, one of them; python -m eval ls shows the suites")
    read = _suite_data(suite, data, split, limit) if suite is not None else [_task_data(task, data, split, limit)]
    written: list[Path] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for each in read:
            written += _write(each, _style(each.task, style), to, out)
        if to == "lm-eval":
            (out / "answers.py").write_text(_ANSWERS, encoding="utf-8")
            written.append(out / "answers.py")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); name another folder with --out") from None
    return written


def _suite_data(name: str, data: Path | None, split: str | None, limit: int | None) -> list[Data]:
    suite = load_suite(name)
    folder = suite_data(suite, data)
    settings = Settings(limit=limit)
    found = [load_entry(entry, folder, settings, split) for entry in suite.tasks]
    read = [each for each in found if each is not None]
    if not read:
        raise UserError(f"suite {name}: none of its files is in {folder}; name the folder with --data DIR")
    return read


def _task_data(task: str | None, data: Path | None, split: str | None, limit: int | None) -> Data:
    if data is None:
        raise UserError("--task needs --data: a file of labelled posts, or a folder with TASK.jsonl")
    return load_data(data, str(task), split=split, limit=limit)


def _style(task: Task, wanted: str | None) -> str:
    if wanted is not None and wanted not in task.styles:
        raise UserError(f"task {task.name!r} has no style {wanted!r}; it has {', '.join(task.styles)}", "unknown_style")
    return task.style_in(wanted)


def _write(data: Data, style: str, to: str, out: Path) -> list[Path]:
    task = load_task(data.task.name)
    rows = out / f"{task.name}.jsonl"
    with rows.open("w", encoding="utf-8", newline="\n") as file:
        for row in data.samples:
            (message,) = build_messages(row.text, task, style)
            doc: dict[str, Any] = {"id": row.id, "task": task.name, "style": style, "prompt": message["content"]}
            doc |= {"target": render_head(row.labels, task, style), "labels": list(row.labels)}
            if not task.many:
                doc |= _choices(task, style, row.labels)
            file.write(json.dumps(doc, ensure_ascii=False) + "\n")
    if to == "inspect":
        path = out / f"{task.name}.py"
        path.write_text(_INSPECT.format(name=task.name, title=task.title.en), encoding="utf-8")
    else:
        path = out / f"mentalglm_{task.name}.yaml"
        path.write_text(_harness_yaml(task, rows.name), encoding="utf-8")
    return [rows, path]


def _choices(task: Task, style: str, labels: tuple[str, ...]) -> dict[str, Any]:
    choices = [render_head(Answer((name,)).labels, task, style) for name in task.label_names]
    return {"choices": choices, "gold": task.label_names.index(labels[0])}


def _harness_yaml(task: Task, rows: str) -> str:
    """A task of one label is asked by the likelihood of its answers, any other by what the model writes."""
    common: dict[str, Any] = {
        "task": f"mentalglm_{task.name}",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": rows}},
        "test_split": "test",
        "doc_to_text": "{{prompt}}",
    }
    if not task.many:
        names: tuple[str, ...] = ("acc",)
        how: dict[str, Any] = {
            "output_type": "multiple_choice",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{gold}}",
            "target_delimiter": "",
        }
    else:
        names = ("labels_right", "parsed")
        how = {
            "output_type": "generate_until",
            "doc_to_target": "{{target}}",
            "generation_kwargs": {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 512},
        }
    scores = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in names]
    head = yaml.safe_dump({**common, **how, "metric_list": scores}, allow_unicode=True, sort_keys=False)
    tail = "" if not task.many else "process_results: !function answers.score\n"
    return head + tail + f"metadata:\n  version: {task.version}\n"
