"""Whether the quoted words carry the label for the model itself: what it says without them, and from them alone.

ERASER (DeYoung et al., ACL 2020, doi 10.18653/v1/2020.acl-main.408), with p(y | x) the probability of the decided label
y for post x, and e its evidence:

    comprehensiveness = p(y | x) - p(y | x without e)    high: without these words the model would not have said so
    sufficiency       = p(y | x) - p(y | e alone)        low: these words are enough

Where several labels have evidence of their own, each is measured with its own words, and the mean is taken.
"""

from collections.abc import Callable, Sequence

from mentalglm.analysis import Analysis, Evidence, Faithfulness
from mentalglm.tasks import Task
from mentalglm.text_checks import contradicts_label

# Spans left alone are set apart like clauses.
_BETWEEN = {"zh": "，", "en": ", "}


def add_faithfulness(
    analyses: Sequence[Analysis], task: Task, reread: Callable[[list[str]], Sequence[dict[str, float | None]]]
) -> None:
    """Sets ``faithfulness`` of analyses of one task.

    Args:
        analyses: With evidence and explanation.
        task: Their task.
        reread: From texts, which may be empty, to the probability of every label.
    """
    measured = [(analysis, label, spans) for analysis in analyses for label, spans in _carried(analysis, task)]
    texts = [without(analysis.text, spans) for analysis, _, spans in measured]
    texts += [alone(analysis.text, spans, task.language) for analysis, _, spans in measured]
    found = list(reread(texts)) if texts else []
    drops: dict[int, list[tuple[float | None, float | None]]] = {}
    for place, (analysis, label, _) in enumerate(measured):
        whole = analysis.probabilities[label]
        erased, kept = found[place][label], found[place + len(measured)][label]
        drops.setdefault(id(analysis), []).append((_drop(whole, erased), _drop(whole, kept)))
    for analysis in analyses:
        pairs = drops.get(id(analysis), [])
        analysis.faithfulness = Faithfulness(
            comprehensiveness=_mean([pair[0] for pair in pairs]),
            sufficiency=_mean([pair[1] for pair in pairs]),
            agrees=None
            if analysis.explanation is None or not analysis.parsed
            else not contradicts_label(analysis.explanation, analysis.labels, task),
        )


def without(text: str, spans: Sequence[Evidence]) -> str:
    """``text`` with the spans left out."""
    gone = {place for span in spans for place in range(span.start, span.end)}
    return "".join(character for place, character in enumerate(text) if place not in gone)


def alone(text: str, spans: Sequence[Evidence], language: str) -> str:
    """The spans of ``text`` and nothing else, in order."""
    return _BETWEEN[language].join(text[span.start : span.end] for span in spans)


def _carried(analysis: Analysis, task: Task) -> list[tuple[str, list[Evidence]]]:
    """Every decided label that has evidence, with it."""
    if not task.many:
        return [(label, analysis.evidence) for label in analysis.labels[:1] if analysis.evidence]
    by_label = [(label, [span for span in analysis.evidence if span.label == label]) for label in analysis.labels]
    return [(label, spans) for label, spans in by_label if spans]


def _drop(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else before - after


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 6) if known and len(known) == len(values) else None
