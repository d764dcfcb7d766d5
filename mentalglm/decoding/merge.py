"""From what was said of each window of a post to one analysis of the post."""

from dataclasses import dataclass

from mentalglm.analysis import GRAVITY, Analysis, Evidence
from mentalglm.answer import Answer
from mentalglm.calibration import Calibration
from mentalglm.decoding.abstain import hold_back
from mentalglm.tasks import Task


@dataclass(frozen=True)
class WindowAnswer:
    """What the model said of one window.

    Attributes:
        text: The window's words.
        answer: None where nothing could be read.
        probabilities: One per label, in the task's canonical order.
    """

    text: str
    answer: Answer | None
    probabilities: list[float]


def merge_windows(
    text: str,
    windows: list[WindowAnswer],
    task: Task,
    labels_only: bool,
    *,
    model: str,
    prompt_hash: str,
    calibration: Calibration | None = None,
) -> Analysis:
    """One analysis of ``text`` from its windows.

    One-label tasks take the gravest window's answer whole. Multi-label tasks take every window's labels, each label's
    highest probability, all evidence, and the explanation of the gravest window. A calibration with bands may then
    hold a decision back; labels that are held back take their evidence with them, and an answer without labels its
    explanation: it argued for a side.
    """
    analysis = Analysis(
        task=task.name,
        text=text,
        labels=[],
        probabilities=dict.fromkeys(task.label_names),
        windows=len(windows),
        model=model,
        prompt_hash=prompt_hash,
        parsed=all(window.answer is not None for window in windows),
    )
    if not analysis.parsed:
        return analysis
    leading = max(windows, key=lambda window: gravity(window, task))
    used = windows if task.many else [leading]
    probabilities = [max(column) for column in zip(*(window.probabilities for window in used), strict=True)]
    analysis.probabilities = {name: round(p, 6) for name, p in zip(task.label_names, probabilities, strict=True)}
    said = {label for window in used if window.answer for label in window.answer.labels}
    decided = [name for name in task.label_names if name in said]
    analysis.labels, analysis.candidates = hold_back(decided, probabilities, task, calibration or Calibration())
    analysis.abstained = bool(analysis.candidates)
    if not labels_only and (analysis.labels or not analysis.abstained):
        spans = [span for window in used for span in _spans(text, window)]
        kept = [span for span in spans if not task.many or span.label in analysis.labels]
        analysis.evidence = merge_evidence(text, kept)
        analysis.explanation = _trim(leading.answer.explanation) if leading.answer else None
    return analysis


def gravity(window: WindowAnswer, task: Task) -> tuple[float, ...]:
    """What windows are compared by: the gravest comes out highest.

    First the gravest crisis value among the labels decided on, then whether one of them is positive, then the
    probability of an urgent label, of any crisis label and of a positive one; last, in a task without such labels, the
    place on the task's scale, and how sure the labels are. A window without labels comes below any with some.
    """
    probability = dict(zip(task.label_names, window.probabilities, strict=True))
    chosen = [task.label(name) for name in (window.answer.labels if window.answer else ())]
    flagged = any(label.crisis != "none" or label.positive for label in task.labels)
    return (
        max((GRAVITY[label.crisis] for label in chosen), default=-1),
        float(any(label.positive for label in chosen)),
        sum(probability[label.name] for label in task.labels if label.crisis == "urgent"),
        sum(probability[label.name] for label in task.labels if label.crisis != "none"),
        sum(probability[label.name] for label in task.labels if label.positive),
        0.0 if flagged or task.many else float(max(task.label_names.index(label.name) for label in chosen)),
        max((probability[label.name] for label in chosen), default=0.0),
    )


def merge_evidence(text: str, spans: list[Evidence]) -> list[Evidence]:
    """Merges spans of the same label that overlap, and orders all by place."""
    merged: list[Evidence] = []
    for span in sorted(spans, key=lambda span: (span.label or "", span.start, span.end)):
        last = merged[-1] if merged else None
        if last is not None and last.label == span.label and span.start < last.end:
            end = max(last.end, span.end)
            merged[-1] = Evidence(text=text[last.start : end], start=last.start, end=end, label=span.label)
        else:
            merged.append(span)
    return sorted(merged, key=lambda span: (span.start, span.end, span.label or ""))


def _spans(text: str, window: WindowAnswer) -> list[Evidence]:
    """The window's quotes with their places; a repeated string is taken at its first occurrence in the post."""
    spans = []
    for quote in (window.answer.evidence or ()) if window.answer else ():
        start = text.find(quote.text)
        if start >= 0:
            spans.append(Evidence(text=quote.text, start=start, end=start + len(quote.text), label=quote.label))
    return spans


def _trim(explanation: str | None) -> str | None:
    """Cuts an explanation that ran into the length limit back to its last full sentence."""
    if explanation is None or explanation[-1] in "。！？.!?”」）)":
        return explanation
    end = max(explanation.rfind(mark) for mark in "。！？.!?")
    return explanation[: end + 1] if end > 0 else explanation
