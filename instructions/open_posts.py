"""Posts as the open corpus's guide has them written (instructions/open/GUIDE.md): one JSON object a post, all tasks in
it; made into records, one for each task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instructions.records import Record, Span
from instructions.split import split_of
from instructions.write import make_folder, write_text
from mentalglm.errors import UserError
from mentalglm.tasks import load_task

LICENSE = "CC-BY-4.0"
SOURCE = "open-corpus"


def read_open_posts(path: Path) -> Iterator[Record]:
    """The records of a file of posts, post by post and within it in the order of :func:`records_of`.

    Raises:
        UserError: A line is no such post; the message names the line and what is wrong, never the text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", "missing_file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield from records_of(json.loads(line))
            except json.JSONDecodeError:
                raise UserError(f"{path}:{number}: not valid JSON") from None
            except KeyError as error:
                raise UserError(f"{path}:{number}: {error} is missing; see instructions/open/GUIDE.md") from None
            except ValueError as error:
                raise UserError(f"{path}:{number}: {error}") from None


def records_of(post: dict[str, Any]) -> list[Record]:
    """One post's records: suicide_risk, suicide_level, cognitive_distortion, cognitive_pathway, emotional_safety,
    risk_category.

    Evidence of a post with several risk categories is left out: the guide does not say which words carry which.

    Args:
        post: As the guide describes it; ``group``, where given, names what must not be divided between splits, such as
            a minimal pair.

    Raises:
        KeyError: Something is missing.
        ValueError: Words are not in the post.
    """
    text: str = post["post"]
    risk, distortion = post["suicide_risk"], post["cognitive_distortion"]
    pathway, safety = post["cognitive_pathway"], post["emotional_safety"]
    categories = safety["risk_categories"]
    known = load_task("cognitive_distortion").label_names
    by_label = {label: distortion["evidence"][label] for label in sorted(distortion["labels"], key=known.index)}
    steps = [(one["span"], f"{one['parent']}##{one['child']}") for one in pathway["segments"]]
    whole, level = _quoted(text, risk["evidence"], None), str(risk["level"])
    safe = _quoted(text, safety["evidence"], None)
    carried = _quoted(text, safety["evidence"], categories[0]) if len(categories) == 1 else []
    distorted = [span for label, quotes in by_label.items() for span in _quoted(text, quotes, label)]
    made = (
        ("suicide_risk", [risk["label"]], whole, risk),
        ("suicide_level", [level], whole, risk),
        ("cognitive_distortion", list(by_label), distorted, distortion),
        ("cognitive_pathway", [label for _, label in steps], _in_order(text, steps), pathway),
        ("emotional_safety", [safety["label"]], safe, safety),
        ("risk_category", categories, carried, safety),
    )
    group = post.get("group", post["id"])
    return [_record(post["id"], group, text, *one) for one in made]


def _record(
    name: str, group: str, text: str, task: str, labels: list[str], evidence: list[Span], said: dict[str, Any]
) -> Record:
    known = load_task(task).label_names
    unknown = set(labels) - set(known)
    if unknown:
        raise ValueError(f"{task}: {', '.join(sorted(unknown))} is no label of it")
    return Record(
        id=f"open:{name}:{task}",
        group=group,
        source=SOURCE,
        license=LICENSE,
        language="zh",
        task=task,
        text=text,
        labels=[label for label in known if label in labels],
        evidence=evidence,
        explanation=said["explanation"],
        explanation_by="llm",
        split=split_of(group),
        annotations=[],
        meta={},
    )


def _quoted(text: str, quotes: list[str], label: str | None) -> list[Span]:
    """Each quotation where it first stands in the post, in the post's order."""
    return sorted((_span(text, quote, 0, label) for quote in quotes), key=lambda span: (span.start, span.end))


def _in_order(text: str, steps: list[tuple[str, str]]) -> list[Span]:
    """Segments in reading order: each one behind the beginning of the one before, where it stands there at all."""
    spans: list[Span] = []
    for quote, label in steps:
        after = spans[-1].start + 1 if spans else 0
        spans.append(_span(text, quote, after if quote in text[after:] else 0, label))
    return spans


def _span(text: str, quote: str, after: int, label: str | None) -> Span:
    start = text.find(quote, after)
    if not quote or start < 0:
        raise ValueError(f"words of {len(quote)} characters are not in the post; quote them as they stand")
    return Span(start=start, end=start + len(quote), label=label)


def add_open_posts(files: list[Path], folder: Path) -> int:
    """Adds posts to the record files of ``folder``, behind what is there; all of them or, where one is wrong, none.

    Returns:
        How many posts.

    Raises:
        UserError: A line is no such post, or a post's id is taken.
    """
    records = [record for path in files for record in read_open_posts(path)]
    by_task: dict[str, list[Record]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record)
    whole: dict[Path, str] = {}
    for task, added in by_task.items():
        path = folder / f"{task}.jsonl"
        there = path.read_text(encoding="utf-8") if path.is_file() else ""
        taken = {json.loads(line)["id"] for line in there.splitlines()}
        for record in added:
            if record.id in taken:
                raise UserError(f"{record.id} stands in {path} already, or twice in what is added; give it another id")
            taken.add(record.id)
        whole[path] = there + "".join(record.model_dump_json(exclude={"turns"}) + "\n" for record in added)
    make_folder(folder)
    for path, text in whole.items():
        write_text(path, text)
    return len(by_task.get("suicide_risk", []))
