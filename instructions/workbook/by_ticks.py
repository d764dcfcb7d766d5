"""Columns of ticks under labels' names: which task they answer, for whom."""

from collections.abc import Sequence

from instructions.workbook.answers_in import Answers
from instructions.workbook.people import BREAKS, label_and_person
from instructions.workbook.scale import new_scale, scale_of
from instructions.workbook.words import FINAL, GRADED, NONE, PERSON, plain
from mentalglm.tasks import Task


def from_ticks(ticks: Sequence[str], known: list[Task], wanted: str | None) -> list[Answers]:
    """The task that columns of ticks answer; a new one where their names hold no known task's labels."""
    if len(ticks) < 2:
        return []
    scales = [scale_of(task) for task in known if task.many or len(task.labels) == 2 or wanted]
    best = max(scales, key=lambda scale: sum(bool(label_and_person(name, scale)[0]) for name in ticks), default=None)
    hits = 0 if best is None else sum(bool(label_and_person(name, best)[0]) for name in ticks)
    if best is not None and hits >= 2:
        answers = Answers(best, False, f"{hits} columns of ticks bear the names of its labels")
    else:
        ticks = [name for name in ticks if not is_answer(name)]
        best = new_scale(wanted or "new_task", "multi", _items(ticks))
        if len(best.labels) < 2:
            return []
        answers = Answers(best, True, f"{len(ticks)} columns of ticks")
    for name in ticks:
        label, person = label_and_person(name, best)
        if not label:
            continue
        if FINAL.search(name):
            answers.final = {**(answers.final or {}), name: label}  # type: ignore[dict-item]
        else:
            theirs = answers.by.setdefault(person, {})
            theirs[name] = label  # type: ignore[index]
    if "" in answers.by and answers.final is None:
        answers.final = answers.by[""]
    answers.by.pop("", None)
    return [answers]


def _items(ticks: list[str]) -> list[str]:
    """Labels of a new task: what stands below a second header row, else the whole names."""
    lower = [name.rpartition("/")[2] for name in ticks]
    repeated = len(set(lower)) < len(lower)
    return [name for name in dict.fromkeys(lower if repeated else ticks) if plain(name) not in NONE]


def is_answer(name: str) -> bool:
    """Whether a column of yes and no is named after who answers (标注员1, Rater A) and not after a label."""
    pieces = [piece for piece in BREAKS.split(name) if len(piece) > 1]
    return all(PERSON.search(piece) or GRADED.search(piece) for piece in pieces)
