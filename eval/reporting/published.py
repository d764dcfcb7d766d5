"""Figures that others published: reference rows beside ours, never among them and never in a test."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from eval.reporting.wording import metric_name
from mentalglm.tasks import Bilingual

FILE = Path(__file__).parent / "published.yaml"
SAME_SET = Bilingual(zh="发表的数字，做法不同", en="published, other set-up")
OTHER_POSTS = Bilingual(zh="发表的数字，帖子与做法都可能不同", en="published, perhaps other posts, other set-up")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Strict):
    """A model's score, a share of 1."""

    name: Bilingual
    value: float = Field(ge=0, le=1)


class Published(_Strict):
    """Scores of one publication on one data set.

    Attributes:
        tasks: The tasks here that ask the same question.
        data: The data set, as a suite's ``source`` calls it.
        metric: The measure here that is computed the same way.
        source: The publication.
        note: How the figure differs from one of ours besides.
        rows: The models.
    """

    tasks: list[str] = Field(min_length=1)
    data: str
    metric: str
    source: str
    note: Bilingual | None = None
    rows: list[Figure] = Field(min_length=1)

    @property
    def metric_name(self) -> Bilingual:
        """What people read as the measure."""
        return metric_name(self.metric)

    def mark(self, data: dict[str, Any]) -> Bilingual:
        """What must stand beside the figures, given the ``data`` of a run's manifest."""
        same = data.get("source") == self.data and data["split"] == "test" and not data["limit"]
        said = SAME_SET if same else OTHER_POSTS
        if self.note is None:
            return said
        return Bilingual(zh=f"{said.zh}，{self.note.zh}", en=f"{said.en}, {self.note.en}")


@cache
def all_published() -> list[Published]:
    """All figures of the file."""
    return [Published.model_validate(entry) for entry in yaml.safe_load(FILE.read_text(encoding="utf-8"))]


def published_for(task: str, source: str | None) -> list[Published]:
    """What was published on a task.

    Args:
        task: The task.
        source: The data set that a run answered; one that is known to be another than the publication's has nothing to
            be held against. None where the run does not say it.
    """
    return [entry for entry in all_published() if task in entry.tasks and source in (None, entry.data)]
