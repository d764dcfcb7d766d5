"""Whether labels can be told from an explanation alone: by a classifier learned from examples, or by a second model."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from instructions.explain.asking import Asker
from instructions.records import Record
from mentalglm.answer import parse_answer, render_head
from mentalglm.consistency import Consistency, fit_consistency, hide_labels
from mentalglm.prompt import Messages
from mentalglm.tasks import Task

# Of two sets of labels, the overlap (F1) from which a second model's reading counts as the same.
_ENOUGH = 2 / 3
_JUDGE = {
    "zh": """下面是别人对一个帖子写的说明，标签的名字用 □ 遮住了，帖子本身不给出。请只凭这段说明判断原来的标签。

任务：{title}。{definition}
标签：
{labels}

只写一句，严格按照这个形式：{form}{none}""",
    "en": """Below is what somebody wrote about a post. The labels' names are hidden behind □, and the post is not \
shown. From this text alone, tell the label.

Task: {title}. {definition}
Labels:
{labels}

Write one sentence, in exactly this form: {form}{none}""",
}


class Recovery(Protocol):
    """Tells whether labels can be recovered from an explanation.

    Attributes:
        unchecked: The tasks for which it cannot say.
    """

    unchecked: tuple[str, ...]

    async def recovers(self, row_id: str, explanation: str, labels: Sequence[str], task: Task) -> bool:
        """Whether they can; also true where nothing can be said."""

    def described(self) -> dict[str, Any]:
        """How it was done, for the manifest."""


class ByClassifier:
    """A check per task, learned from the examples' explanations; a task with too few of them is not checked."""

    def __init__(self, examples: dict[str, list[Record]], tasks: Sequence[Task]) -> None:
        self.checks: dict[str, Consistency | None] = {}
        for task in tasks:
            known = [one for one in examples.get(task.name, ()) if one.explanation is not None]
            self.checks[task.name] = fit_consistency(
                [one.explanation or "" for one in known], [one.labels for one in known], task
            )
        self.unchecked = tuple(name for name, check in sorted(self.checks.items()) if check is None)

    async def recovers(self, row_id: str, explanation: str, labels: Sequence[str], task: Task) -> bool:
        check = self.checks[task.name]
        return check is None or check.holds(explanation, labels)

    def described(self) -> dict[str, Any]:
        return {
            name: {
                "by": "classifier",
                "learned_from": check.explanations,
                "wrong_labels_caught": round(check.caught, 3),
            }
            if check
            else {"by": None, "reason": "not checked: too few examples with an explanation"}
            for name, check in sorted(self.checks.items())
        }


class ByModel:
    """A second model that sees the explanation, with the labels' names hidden, and the task's definitions."""

    unchecked: tuple[str, ...]

    def __init__(self, asker: Asker, use_grammar: bool) -> None:
        self.asker, self.use_grammar = asker, use_grammar
        self.unchecked = ()

    async def recovers(self, row_id: str, explanation: str, labels: Sequence[str], task: Task) -> bool:
        style = task.style_in("grounded")
        grammar = judge_grammar(task, style) if self.use_grammar else None
        messages = judge_messages(explanation, task, style)
        _, reply = await self.asker.reply(f"{row_id}#judge", messages, grammar=grammar)
        answer = parse_answer(reply.text, task, style)
        return answer is not None and agrees(labels, answer.labels, task)

    def described(self) -> dict[str, Any]:
        return {"by": "model", "model": self.asker.endpoint.model}


def agrees(gold: Sequence[str], recovered: Sequence[str], task: Task) -> bool:
    """The same label; of an ordinal scale a neighbour too; of many labels two thirds of the overlap (F1)."""
    if task.kind == "ordinal":
        places = [task.label_names.index(name) for name in (*gold, *recovered)]
        return max(places) - min(places) <= 1
    if not gold or not recovered:
        return not gold and not recovered
    return 2 * len(set(gold) & set(recovered)) >= _ENOUGH * (len(gold) + len(recovered))


def judge_messages(explanation: str, task: Task, style: str) -> Messages:
    """The question to the second model."""
    language, template = task.language, task.styles[style]
    colon = "：" if language == "zh" else ": "
    labels = "\n".join(
        f"- {task.surface(style, one.name)}{colon}{getattr(one.definition, language)}" for one in task.labels
    )
    none = (
        (("；没有标签则写：" if language == "zh" else "; without any label: ") + template.none) if template.none else ""
    )
    system = _JUDGE[language].format(
        title=getattr(task.title, language),
        definition=getattr(task.definition, language),
        labels=labels,
        form=template.head.replace("{labels}", "标签" if language == "zh" else "label"),
        none=none,
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": hide_labels(explanation, task)}]


def judge_grammar(task: Task, style: str) -> str:
    """A Lark grammar of the first sentences that answers to ``task`` can begin with, and nothing behind them."""
    template = task.styles[style]
    before, after = (json.dumps(part, ensure_ascii=False) for part in template.head.split("{labels}"))
    names = " | ".join(json.dumps(task.surface(style, name), ensure_ascii=False) for name in task.label_names)
    if not task.many:
        heads = [json.dumps(render_head((name,), task, style), ensure_ascii=False) for name in task.label_names]
        return "start: " + " | ".join(heads) + "\n"
    more = f"({json.dumps(template.separator, ensure_ascii=False)} LABEL)*"
    none = json.dumps(template.none or "", ensure_ascii=False)
    return f"start: {none} | {before} LABEL {more} {after}\nLABEL: {names}\n"
