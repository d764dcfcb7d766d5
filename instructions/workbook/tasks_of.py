"""Which columns answer which task: by ticks under a label's name, or by cells that hold a task's labels."""

from collections.abc import Iterable, Sequence

from instructions.workbook.answers_in import Answers
from instructions.workbook.by_ticks import from_ticks, is_answer
from instructions.workbook.by_values import from_values, is_closed
from instructions.workbook.roles import Columns
from instructions.workbook.values import is_ticks
from instructions.workbook.words import ABOUT
from mentalglm.tasks import load_task, task_names


def guess_tasks(
    columns: Columns, rest: Sequence[str], language: str, titles: Iterable[str], wanted: str | None
) -> list[Answers]:
    """The tasks that the columns ``rest`` answer.

    Args:
        columns: The cells.
        rest: Columns that have no other role.
        language: The posts' language.
        titles: Where a task's title may stand: the names of the file and its sheets.
        wanted: The task's name, where the user gave it; a name that is not known is a new task's.
    """
    known = [load_task(name) for name in task_names()]
    known = [task for task in known if task.input == "post" and task.language == language]
    if wanted is not None:
        known = [load_task(wanted)] if wanted in task_names() else []
    ticks = [name for name in rest if is_ticks(columns.filled(name)) and not ABOUT.search(name)]
    closed = [name for name in rest if name not in ticks and is_closed(name, columns)]
    titles = " ".join([*titles, *rest]).casefold()
    found = from_ticks(ticks, known, wanted)
    used = {name for answers in found for name in answers.columns()}
    closed += [name for name in ticks if name not in used and is_answer(name) and is_closed(name, columns)]
    by_values = from_values(closed, known, columns, titles, wanted)
    for answers in by_values:
        same = next((ticked for ticked in found if ticked.scale.task == answers.scale.task), None)
        if same is None:
            found.append(answers)
        else:  # annotators ticked, the decision is a list of labels; or the other way round
            same.final = same.final or answers.final
            same.by = {**answers.by, **same.by}
    return found
