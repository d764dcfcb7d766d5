"""Whether a reply may become a record's explanation; every reason against it is named, never with words of the post."""

from collections.abc import Sequence

from instructions.checks import GUIDE_LENGTH, SHORT_POST, SPAN_LENGTH, explanation_fault, problems
from instructions.explain.asking import Checked
from instructions.records import Record, Span
from mentalglm.answer import Quote, parse_answer
from mentalglm.endpoint import Reply
from mentalglm.personal_data import mask
from mentalglm.tasks import Task
from mentalglm.text_checks import misquoted_words

LENGTH = {"zh": GUIDE_LENGTH, "en": range(60, 801)}

CUT = "the reply was cut off at the token limit"
UNREAD = "the reply is not in the form asked for"
RELABELLED = "the reply gives other labels than the experts'"
UNEXPLAINED = "the reply has no explanation"
UNMARKED = "the reply has no evidence"
LABEL_UNMARKED = "a label has no evidence"
MISQUOTED = "the evidence holds words that are not in the post"
LENGTHS = "the explanation is too short or too long"
QUOTED = "the explanation quotes words that are not in the post"
PERSONAL = "the explanation holds personal data"
TWIN = "the explanation is nearly that of another post"
UNRECOVERED = "the labels cannot be recovered from the explanation"

# What a model that writes Chinese is told; the reasons of instructions.checks among them.
_TOLD_ZH = {
    CUT: "回答太长，没有写完",
    UNREAD: "没有按照要求的形式",
    RELABELLED: "标签与专家给定的不一致",
    UNEXPLAINED: "没有写理由",
    UNMARKED: "没有写依据",
    LABEL_UNMARKED: "有的标签没有依据",
    MISQUOTED: "依据里有帖子中没有的字句",
    LENGTHS: "理由太短或太长",
    PERSONAL: "理由里有个人信息",
    TWIN: "理由与其他帖子的几乎相同，没有针对这个帖子",
    UNRECOVERED: "单看理由看不出是这些标签",
    "the explanation gives advice": "理由里有建议",
    "the explanation gives a diagnosis": "理由里有诊断",
    "the explanation names the level": "理由里写出了等级",
    QUOTED: "理由的引号里有帖子中没有的字句",
    "the explanation contradicts the label": "理由与标签相矛盾",
    "the explanation repeats itself": "理由里有重复的话",
    "the evidence is the whole post": "依据摘了整篇帖子",
    "the evidence is too short or too long": "依据太短或太长",
}


def told(reasons: Sequence[str], language: str) -> list[str]:
    """The reasons in the language of the task, where there are words for them."""
    return [_TOLD_ZH.get(reason, reason) if language == "zh" else reason for reason in reasons]


def check_reply(reply: Reply, record: Record, post: str, task: Task, style: str) -> Checked:
    """Reads a reply and judges it by itself; likeness to others and consistency are judged elsewhere.

    Args:
        reply: The reply.
        record: The record, without an explanation. Evidence that people marked stays as it is.
        post: The post as it was sent: what the reply quotes must stand in it and in the record's own text.
        task: The record's task.
        style: The style that was asked for.

    Returns:
        ``{"explanation", "evidence"}``, or every reason against the reply.
    """
    if reply.cut:
        return Checked(None, (CUT,))
    answer = parse_answer(reply.text, task, style)
    if answer is None:
        return Checked(None, (UNREAD,))
    found: list[str] = []
    if set(answer.labels) != set(record.labels):
        found.append(RELABELLED)
    evidence = list(record.evidence)
    if task.styles[style].evidence is not None and record.text is not None:
        found += _evidence_problems(answer.evidence, record, post, task)
        if not found and not evidence:
            evidence = _spans(answer.evidence or (), record.text)
    if answer.explanation is None:
        return Checked(None, (*found, UNEXPLAINED))
    written = record.model_copy(
        update={"explanation": answer.explanation, "explanation_by": "llm", "evidence": evidence}
    )
    found += _explanation_problems(written)
    if record.text is None and misquoted_words(answer.explanation, post):  # else `explanation_fault` has looked
        found.append(QUOTED)
    if not found:
        found += problems(written)
    if found:
        return Checked(None, tuple(dict.fromkeys(found)))
    return Checked({"explanation": answer.explanation, "evidence": [span.model_dump() for span in evidence]})


def _evidence_problems(quotes: tuple[Quote, ...] | None, record: Record, post: str, task: Task) -> list[str]:
    if quotes is None:
        return [UNMARKED]
    text, found = record.text or "", []
    if any(quote.text not in post or quote.text not in text for quote in quotes):
        found.append(MISQUOTED)
    if task.many and {quote.label for quote in quotes} < set(record.labels):
        found.append(LABEL_UNMARKED)
    if any(quote.text == text for quote in quotes) and len(text) >= SHORT_POST:
        found.append("the evidence is the whole post")
    if any(len(quote.text) not in SPAN_LENGTH[record.language] for quote in quotes):
        found.append("the evidence is too short or too long")
    return found


def _explanation_problems(record: Record) -> list[str]:
    words = record.explanation or ""
    found = []
    if len(words) not in LENGTH[record.language]:
        found.append(LENGTHS)
    fault = explanation_fault(record)
    if fault is not None:
        found.append(fault)
    if mask(words).changes:
        found.append(PERSONAL)
    return found


def _spans(quotes: Sequence[Quote], text: str) -> list[Span]:
    """Where the quotes stand in the post; a repeated string is its first occurrence."""
    places = {(text.find(quote.text), len(quote.text), quote.label) for quote in quotes}
    ordered = sorted(places, key=lambda place: (place[0], place[1], place[2] or ""))
    return [Span(start=start, end=start + length, label=label) for start, length, label in ordered]
