"""Reads the log of a run back."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.write_log import LOG


@dataclass
class Course:
    """What a log tells.

    Attributes:
        steps: By step, its line.
        evaluations: By step, the scores measured behind it.
    """

    steps: dict[int, dict[str, Any]] = field(default_factory=dict)
    evaluations: dict[int, dict[str, float]] = field(default_factory=dict)


def read_log(output_dir: Path) -> Course:
    """The course of the run in ``output_dir``, in the order of its steps; where one stands twice, the later counts.

    A line that a kill cut short is passed over; a run that has no log yet has no course.
    """
    course, path = Course(), output_dir / LOG
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "evaluation" in line:
            course.evaluations[line["step"]] = line["evaluation"]
        else:
            course.steps[line["step"]] = line
    return Course(dict(sorted(course.steps.items())), dict(sorted(course.evaluations.items())))
