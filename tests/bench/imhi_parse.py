"""Do IMHI's published answers parse to their labels, and do texts that answer nothing parse to none?

    python -m tests.bench.imhi_parse DIR/imhi/instruction_data

Prints, per file, how many of the validation answers (written by ChatGPT) parse to the label that they state. What
they state is read by other means than the parser's: the first word, yes or no, or, for questions with many labels, the
one label whose name the first sentence holds; an answer that states none by these means, or several, is counted apart.
What answers nothing: the post, the explanation without its first sentence, the question. No text is printed.
"""

import csv
import re
import sys
from collections import Counter
from pathlib import Path

from mentalglm.answer import parse_answer
from mentalglm.published import ANSWER, QUERY, imhi_question
from mentalglm.tasks import Task, load_task, task_names

TASKS = [task for task in map(load_task, task_names()) if "imhi" in task.styles]


def stated(answer: str, task: Task) -> str | None:
    """The label that an answer states, read crudely; None where it states none, or several."""
    if set(task.label_names) == {"yes", "no"}:
        first = re.match(r"\W*(yes|no)\b", answer, re.IGNORECASE)
        return first.group(1).lower() if first else None
    sentence = re.split(r"(?<=[.!?])\s|Reasoning:", answer, maxsplit=1)[0].lower()
    named = [
        label.name
        for label in task.labels
        if any(re.search(rf"\b{re.escape(name.lower())}\b", sentence) for name in (label.name, *label.aliases))
    ]
    return named[0] if len(named) == 1 else None


def main(folder: Path) -> None:
    """Prints the counts of every ``val.csv`` below ``folder``."""
    csv.field_size_limit(2**27)
    together: Counter[str] = Counter()
    for path in sorted(folder.glob("*/val.csv")):
        counts: Counter[str] = Counter()
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found = imhi_question(row[QUERY], TASKS)
                counts["rows"] += 1
                if found is None:
                    counts["no question of ours"] += 1
                    continue
                task, post = found
                answer, said = parse_answer(row[ANSWER], task, "imhi"), stated(row[ANSWER], task)
                counts["parsed"] += answer is not None
                counts["stated"] += said is not None
                counts["right"] += said is not None and answer is not None and answer.labels == (said,)
                counts["wrong"] += said is not None and answer is not None and answer.labels != (said,)
                argument = re.split(r"(?<=[.!?])\s|Reasoning:", row[ANSWER], maxsplit=1)[1:]
                for nothing in (post, row[QUERY], *argument):
                    counts["nothing"] += 1
                    counts["nothing parsed"] += parse_answer(nothing, task, "imhi") is not None
        together += counts
        _tell(path.parent.name, counts)
    _tell("all", together)


def _tell(name: str, counts: Counter[str]) -> None:
    print(
        f"{name:10} rows {counts['rows']:5}  parsed {counts['parsed']:5} ({counts['parsed'] / counts['rows']:.2%})  "
        f"right {counts['right']} of {counts['stated']} that state a label ({counts['right'] / counts['stated']:.2%}), "
        f"wrong {counts['wrong']}  nothing: {counts['nothing parsed']} of {counts['nothing']} parsed"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
