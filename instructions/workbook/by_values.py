"""Columns whose cells hold labels, or lists of them: which task they answer, for whom."""

from collections import Counter

from instructions.workbook.answers_in import Answers
from instructions.workbook.people import annotators
from instructions.workbook.roles import Columns
from instructions.workbook.scale import Kind, Scale, new_scale, scale_of
from instructions.workbook.values import parts
from instructions.workbook.words import ABOUT, FINAL, GRADED, LABEL, NONE, PERSON, plain
from mentalglm.tasks import Task, load_task

_MOST_LABELS = 40
_SURE = 0.6  # the share of cells that must hold labels of a task


def is_closed(name: str, columns: Columns) -> bool:
    """Whether a column holds a few values again and again."""
    cells = columns.filled(name)
    values = [part for cell in cells for part in parts(cell)]
    if not values or ABOUT.search(name) or len(set(values)) > _MOST_LABELS or max(map(len, values)) > 30:
        return False
    if all(value.replace(".", "").isdigit() for value in values):
        return bool(GRADED.search(name))  # or else ages, counts
    return len(set(values)) < len(values) or bool(PERSON.search(name) or FINAL.search(name))


def from_values(
    closed: list[str], known: list[Task], columns: Columns, titles: str, wanted: str | None
) -> list[Answers]:
    """The tasks that columns of labels answer.

    Args:
        closed: Columns that hold a few values again and again.
        known: The tasks that come into question.
        columns: The cells.
        titles: Where a task's title may stand, in lower case.
        wanted: The task's name, where the user gave it.
    """
    groups: dict[str, Answers] = {}
    members: dict[str, list[str]] = {}
    strange: list[str] = []
    for name in closed:
        scale, why = _matching(name, known, columns, titles, wanted)
        if scale is None:
            strange.append(name)
        else:
            groups.setdefault(scale.task, Answers(scale, False, why))
            members.setdefault(scale.task, []).append(name)
    marked = [name for name in strange if PERSON.search(name) or LABEL.search(name) or FINAL.search(name)]
    for number, alike in enumerate(_alike(marked, columns), 1):
        task = wanted if wanted and number == 1 else "new_task" if number == 1 else f"new_task_{number}"
        values = Counter(part for name in alike for cell in columns.filled(name) for part in parts(cell))
        kind = _kind(alike, columns)
        labels = [value for value, _ in values.most_common() if kind != "multi" or plain(value) not in NONE]
        if len(labels) > 1 and task not in groups:
            labels = sorted(labels, key=int) if kind == "ordinal" else labels
            groups[task] = Answers(new_scale(task, kind, labels), True, "its cells hold a few values again and again")
            members[task] = alike
    for task, names in members.items():
        _share_out(groups[task], names)
    return list(groups.values())


def _matching(
    name: str, known: list[Task], columns: Columns, titles: str, wanted: str | None
) -> tuple[Scale | None, str]:
    cells = columns.filled(name)
    scored = []
    for task in known:
        scale = scale_of(task)
        named = any(word.casefold() in titles for word in (task.title.zh, task.title.en, task.name))
        exact = sum(
            all(scale.exact(p) or (task.many and plain(p) in NONE) for p in parts(cell)) for cell in cells
        ) / len(cells)
        near = sum(all(scale.guess(p) is not None for p in parts(cell)) for cell in cells) / len(cells)
        says = any(scale.exact(part) for cell in cells for part in parts(cell))
        if (exact >= _SURE and says) or (near >= _SURE and (named or wanted)):
            scored.append((exact, named, near, scale))
    if wanted and known and not scored and (PERSON.search(name) or LABEL.search(name) or FINAL.search(name)):
        return scale_of(known[0]), "--task names it"
    if not scored:
        return None, ""
    scored.sort(key=lambda item: item[:3], reverse=True)
    if len(scored) > 1 and scored[0][:3] == scored[1][:3]:
        return None, ""  # yes and no answer many questions
    exact, _, near, scale = scored[0]
    return scale, f"{exact:.0%} of the cells of {name!r} hold its labels" + (
        "" if exact == near else f", {near:.0%} something like them"
    )


def _alike(names: list[str], columns: Columns) -> list[list[str]]:
    """Columns that share half of their values or more."""
    groups: list[tuple[set[str], list[str]]] = []
    for name in names:
        values = {part for cell in columns.filled(name) for part in parts(cell)}
        for seen, members in groups:
            if 2 * len(seen & values) >= min(len(seen), len(values)):
                seen |= values
                members.append(name)
                break
        else:
            groups.append((values, [name]))
    return [members for _, members in groups]


def _kind(names: list[str], columns: Columns) -> Kind:
    cells = [parts(cell) for name in names for cell in columns.filled(name)]
    if any(len(cell) > 1 for cell in cells):
        return "multi"
    numbers = {part for cell in cells for part in cell}
    return "ordinal" if len(numbers) > 2 and all(number.isdigit() for number in numbers) else "single"


def _share_out(answers: Answers, names: list[str]) -> None:
    """Divides columns of labels between the decision and the annotators."""
    final = [name for name in names if FINAL.search(name)]
    others = [name for name in names if name not in final[:1]]
    answers.final = final[0] if final else None
    if not final and len(others) == 1 and not PERSON.search(others[0]):
        answers.final = others[0]
        return
    about = [answers.scale.task] if answers.new else [load_task(answers.scale.task).title.zh, answers.scale.task]
    answers.by = {person: column for column, person in annotators(others, about).items()}
