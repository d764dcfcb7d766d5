"""Validates record files: every record alone, and what must hold between them; problems by row, never a text."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from instructions.checks import problems
from instructions.records import Record, read_records
from mentalglm.analysis import level_conflicts


@dataclass
class Report:
    """What validation found.

    Attributes:
        counts: Records per (file, task, split).
        problems: (file, row from 1, reason).
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    problems: list[tuple[str, int, str]] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report as lines of text: counts first, then problems, then the total."""
        counted = [f"{file}: {task}: {split}: {n}" for (file, task, split), n in sorted(self.counts.items())]
        faults = [f"{file}: row {row}: {reason}" for file, row, reason in self.problems]
        return [*counted, *faults, f"{sum(self.counts.values())} records, {len(self.problems)} problems"]


def validate(files: list[Path]) -> Report:
    """Validates record files together, so that what they say of the same post can be compared.

    Raises:
        UserError: A file is missing or is not text.
    """
    report = Report()
    places: dict[str, str] = {}  # id -> where it was seen first
    splits: dict[tuple[str, str], str] = {}  # (source, group) -> split
    answers: dict[tuple[str, str], dict[str, str]] = {}  # (source, text) -> task -> label
    for path in files:
        for row, record in read_records(path):
            if isinstance(record, str):
                report.problems.append((path.name, row, record))
                continue
            report.counts[(path.name, record.task, record.split)] += 1
            found = problems(record)
            if record.id in places:
                found.append(f"id {record.id!r} stands twice (first in {places[record.id]})")
            places.setdefault(record.id, f"{path.name}, row {row}")
            first_split = splits.setdefault((record.source, record.group), record.split)
            if first_split != record.split:
                found.append(f"group {record.group!r} is in both {first_split} and {record.split}")
            found += _level_disagreement(record, answers)
            report.problems += [(path.name, row, reason) for reason in found]
    return report


def _level_disagreement(record: Record, answers: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    """Compares suicide_risk and suicide_level of the same post, whichever file came first."""
    if record.text is None or record.task not in ("suicide_risk", "suicide_level") or len(record.labels) != 1:
        return []
    seen = answers.setdefault((record.source, record.text), {})
    seen[record.task] = record.labels[0]
    risk, level = seen.get("suicide_risk"), seen.get("suicide_level")
    if risk is None or level is None or not level.isdecimal():
        return []
    return level_conflicts(int(level), risk, None).get("suicide_risk", [])
