"""What inference returns: one :class:`Analysis` per post and task, or a :class:`RowError` in its place."""

from pydantic import BaseModel, ConfigDict

from mentalglm.hierarchy import parent_probabilities
from mentalglm.tasks import Crisis, Task, load_task

GRAVITY: dict[Crisis, int] = {"none": 0, "wish": 1, "urgent": 2}


class Evidence(BaseModel):
    """A stretch of the post that carries a label.

    Attributes:
        text: The words, always equal to ``post[start:end]``.
        start: Offset of the first character, in Unicode code points.
        end: Offset behind the last character.
        label: The label these words carry; None for single-label and ordinal tasks.
    """

    model_config = ConfigDict(extra="forbid")

    text: str
    start: int
    end: int
    label: str | None = None


class Faithfulness(BaseModel):
    """Whether an answer's evidence and explanation hold for its label; see :mod:`mentalglm.faithfulness`.

    Attributes:
        comprehensiveness: How much the label's probability falls without the evidence; None where it has none, or no
            probability is known.
        sufficiency: How much it falls when the evidence stands alone; likewise.
        agrees: Whether the explanation says no other label than the answer does; None without an explanation.
    """

    model_config = ConfigDict(extra="forbid")

    comprehensiveness: float | None = None
    sufficiency: float | None = None
    agrees: bool | None = None


class Analysis(BaseModel):
    """The answer for one post and one task.

    Attributes:
        task: The task's name.
        text: The post, verbatim.
        labels: The decision; a set, in the task's canonical order.
        candidates: The labels in play when ``abstained``.
        probabilities: One per label of the task; None where the source of the answer gives none.
        evidence: The words of the post that carry the labels.
        explanation: Why; None with ``labels_only``.
        abstained: Whether the model declined to decide.
        parsed: Whether the answer could be read; if not, nothing can be said, least of all that there is no risk.
        crisis: The gravest value any label or candidate reaches; None when ``parsed`` is false, and for suicide_risk
            also when the level asked with it could not be read and nothing urgent was found.
        conflicts: Answers about the same post that contradict this one.
        windows: How many overlapping pieces the post was read in.
        model: The model's name.
        prompt_hash: sha256 of the task and style, never of the post.
        faithfulness: Whether the label rests on the evidence; None unless it was asked for.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    text: str
    labels: list[str]
    candidates: list[str] = []
    probabilities: dict[str, float | None]
    evidence: list[Evidence] = []
    explanation: str | None = None
    abstained: bool = False
    parsed: bool = True
    crisis: Crisis | None = None
    conflicts: list[str] = []
    windows: int = 1
    model: str
    prompt_hash: str
    faithfulness: Faithfulness | None = None

    @property
    def parent_probabilities(self) -> dict[str, float | None]:
        """In a hierarchical task, the probability of every parent, consistent with its children's."""
        return parent_probabilities(self.probabilities)


class ErrorInfo(BaseModel):
    """Why a row could not be analysed."""

    code: str
    message: str


class RowError(BaseModel):
    """Stands in an Analysis's place when a row of a file could not be analysed.

    Attributes:
        row: The data row, from 0.
        task: The task asked for.
        error: What was wrong and what to do; never the row's text.
    """

    row: int
    task: str
    error: ErrorInfo


def gravest(values: list[Crisis]) -> Crisis:
    """The gravest of several crisis values; ``none`` of none."""
    return max(values, key=GRAVITY.__getitem__, default="none")


def crisis_of(task: Task, labels: list[str]) -> Crisis:
    """The gravest crisis value among ``labels`` of ``task``."""
    return gravest([task.label(name).crisis for name in labels])


def level_conflicts(level: int, risk: str | None, safety: str | None) -> dict[str, list[str]]:
    """Names the answers that contradict a suicide level, per task concerned.

    Args:
        level: The answer of suicide_level, 0 to 10.
        risk: The answer of suicide_risk, if it was asked.
        safety: The answer of emotional_safety, if it was asked.

    Returns:
        For every task concerned, the contradictions as ``task=label`` pairs joined by ``≠``.
    """
    found: dict[str, list[str]] = {}

    def add(task: str, label: str) -> None:
        text = f"suicide_level={level} ≠ {task}={label}"
        found.setdefault(task, []).append(text)
        found.setdefault("suicide_level", []).append(text)

    urgent = load_task("suicide_level").label(str(level)).crisis == "urgent"
    if risk is not None and urgent != (risk == load_task("suicide_risk").binary_label):
        add("suicide_risk", risk)
    if safety is not None and level >= 5 and safety != "不安全":
        add("emotional_safety", safety)
    return found
