"""What may be written is what the post holds: every gold answer is admitted, and no quotation that nobody wrote."""

import json
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.answer import Answer, Quote, parse_answer, render_answer, render_head
from mentalglm.decoding.generate import make_grammar_tokenizer
from mentalglm.decoding.grammar import MAX_SPAN_CHARACTERS, MAX_SPANS_PER_LABEL, MIN_SPAN_CHARACTERS, answer_grammar
from mentalglm.decoding.windows import MAX_CHARACTERS
from mentalglm.models import EMBEDDED
from mentalglm.prompt import encode_text, stop_token_id
from mentalglm.tasks import Task, load_task, task_names
from tests.tiny import SENTENCES, TASKS, tiny_tokenizer

RECORDS = Path(__file__).parents[2] / "instructions" / "open" / "records"
RISK, DISTORTION, PATHWAY = load_task("suicide_risk"), load_task("cognitive_distortion"), load_task("cognitive_pathway")


@cache
def tokenizer() -> Any:
    """The embedded model's, as people will use it; in a clone without its weights the tiny one."""
    if not EMBEDDED.is_dir():
        return tiny_tokenizer()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(EMBEDDED)


@cache
def grammar_tokenizer() -> Any:
    return make_grammar_tokenizer(tokenizer(), [stop_token_id(tokenizer())], len(tokenizer()))


def admits(post: str, labels: list[str], task: Task, rest: str, style: str = "grounded") -> bool:
    """Whether the grammar lets ``rest`` be written, token by token, and lets the answer end there."""
    grammar = llguidance.grammar_from("lark", answer_grammar(post, labels, task, style))
    matcher = llguidance.LLMatcher(grammar_tokenizer(), grammar)
    assert not matcher.is_error(), "the grammar itself was refused"
    ids = encode_text(tokenizer(), rest)
    taken = matcher.try_consume_tokens(ids)
    return bool(taken == len(ids) and matcher.is_accepting())


def rest_of(answer: Answer, task: Task, style: str = "grounded") -> str:
    """What stands behind the first sentence."""
    return render_answer(answer, task, style)[len(render_head(answer.labels, task, style)) :]


def gold(task: Task) -> list[tuple[str, Answer]]:
    """Posts and their gold answers, the quotes in the order of the labels; unmarked labels are left out."""
    found = []
    with (RECORDS / f"{task.name}.jsonl").open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            text, spans = record["text"], record["evidence"]
            labels = [label for label in record["labels"] if not task.many or label in [s["label"] for s in spans]]
            quotes = [
                Quote(text[span["start"] : span["end"]], label)
                for label in (labels if task.many else [None])
                for span in spans
                if span["label"] == label
            ]
            if labels or not record["labels"]:
                found.append((text, Answer(tuple(labels), tuple(quotes), record["explanation"])))
    return found


@pytest.mark.parametrize("name", TASKS)
def test_every_gold_answer_of_the_open_corpus_is_admitted(name: str) -> None:
    task = load_task(name)
    answers = gold(task)
    marked = [one for one in answers if one[1].evidence]
    unmarked = [one for one in answers if not one[1].evidence][:100]
    assert len(marked) > 1000
    # Counted, not shown: what fails may be looked up by its number.
    refused = [
        number
        for number, (post, answer) in enumerate(marked + unmarked)
        if not admits(post, list(answer.labels), task, rest_of(answer, task))
    ]
    assert refused == []


@pytest.mark.parametrize("name", TASKS)
def test_gold_evidence_of_another_post_is_refused(name: str) -> None:
    task = load_task(name)
    marked = [one for one in gold(task) if one[1].evidence][:60]
    for (_, answer), (other, _) in pairwise(marked):
        quotes = answer.evidence or ()
        if all(quote.text in other for quote in quotes):
            continue
        assert not admits(other, list(answer.labels), task, rest_of(answer, task))


def written(span: str) -> str:
    return f"依据：「{span}」。理由：因为。"


PLAIN = "我很累，今天什么都不想做。真的、真的不想。"


def test_one_character_is_no_evidence_but_may_be_named_in_the_reason() -> None:
    for character in ("累", "、", "真"):
        assert not admits(PLAIN, ["高自杀风险"], RISK, written(character))
        assert admits(PLAIN, ["高自杀风险"], RISK, f"依据：无。理由：他写「{character}」，所以。")
    assert admits("累", ["高自杀风险"], RISK, written("累"))
    assert admits("累\n「哭」", ["高自杀风险"], RISK, written("哭"))


@pytest.mark.parametrize(
    ("span", "held"),
    [
        ("很累", True),
        ("我很累，今天什么都不想做。真的、真的不想。", True),  # the whole post, with 。 and 、 before the mark
        ("做。", True),
        ("真的、", True),
        ("想做", True),
        ("很很累", False),
        ("我不累", False),
        ("我很累今天", False),
        ("我很累。", False),
        ("想做。真的。", False),
        ("", False),
    ],
)
def test_a_quote_is_a_stretch_of_the_post_or_nothing(span: str, held: bool) -> None:
    assert admits(PLAIN, ["高自杀风险"], RISK, written(span)) is held
    assert admits(PLAIN, ["高自杀风险"], RISK, f"依据：无。理由：他写「{span}」，所以。") is held


def test_the_form_is_kept() -> None:
    labels = ["高自杀风险"]
    assert admits(PLAIN, labels, RISK, "依据：无。理由：因为。")
    assert admits(PLAIN, labels, RISK, "依据：「很累」「想做」「真的」。理由：因为。")
    for wrong in (
        "",
        "理由：因为。",
        "依据：「很累」。",
        "依据：「很累」。理由：",
        "依据：「很累」。理由： 因为。",
        "依据：「很累」。理由：\n因为。",
        "依据：「很累」。理由：因\n为。",
        "依据：「很累」「想做」「真的」「不想」。理由：因为。",
        "依据：「很累」、「想做」。理由：因为。",
        "依据：很累。理由：因为。",
        "依据：「很累。理由：因为。",
        "依据：「很累」。理由：因为「累",
        "依据：「很累」。理由：因为」。",
        "依据：高自杀风险「很累」。理由：因为。",
        "这个帖子体现了低自杀风险。依据：「很累」。理由：因为。",
    ):
        assert not admits(PLAIN, labels, RISK, wrong), wrong


def test_every_label_of_many_has_its_own_quotes_in_the_order_of_the_first_sentence() -> None:
    labels = ["读心术", "放大"]
    assert admits(PLAIN, labels, DISTORTION, "依据：读心术「很累」；放大「真的」「想做」。理由：因为。")
    for wrong in (
        "依据：放大「很累」；读心术「真的」。理由：因为。",
        "依据：读心术「很累」。理由：因为。",
        "依据：读心术；放大「真的」。理由：因为。",
        "依据：读心术「很累」；放大「真的」；以偏概全「想做」。理由：因为。",
        "依据：「很累」；「真的」。理由：因为。",
        "依据：无。理由：因为。",
    ):
        assert not admits(PLAIN, labels, DISTORTION, wrong), wrong
    assert admits(PLAIN, [], DISTORTION, "依据：无。理由：因为。")
    assert not admits(PLAIN, [], DISTORTION, "依据：读心术「很累」。理由：因为。")


def test_a_style_without_evidence_still_quotes_only_the_post_in_its_reason() -> None:
    assert admits(PLAIN, ["高自杀风险"], RISK, "理由：他写「很累」。", "mentalglm")
    assert not admits(PLAIN, ["高自杀风险"], RISK, "理由：他写「很饿」。", "mentalglm")
    assert not admits(PLAIN, ["高自杀风险"], RISK, "依据：「很累」。理由：因为。", "mentalglm")


def test_english_puts_its_spaces() -> None:
    task = load_task("stress")
    assert admits("I am tired.", ["yes"], task, " Reasoning: Because.", "imhi")
    assert not admits("I am tired.", ["yes"], task, "Reasoning:Because.", "imhi")


@pytest.mark.parametrize(
    ("post", "held", "refused"),
    [
        ("他说「去死」，我哭了", ["他说", "去死", "，我哭了"], ["他说「去死」", "说去死", "死，我"]),
        ("「「」」累「」", ["累"], ["「", "」"]),
        ("第一行\n第二行", ["第一行", "第二行"], ["第一行\n第二行", "一行第二"]),
        ('反斜杠\\n和"引号"和/斜杠/', ["\\n和", '"引号"', "/斜杠/"], ["\n和", "\\\\n"]),
        ("%regex { } .* [a-z]+ (x|y)", ["%regex { }", ".* [a-z]+", "(x|y)"], ["abc", "yx"]),
        ("零\x00字节\x1b[31m制表\t符", ["零\x00字节", "\x1b[31m", "\t"], ["零字"]),
        ("行\u2028分\u2029隔\u0085符", ["行\u2028分", "\u0085"], ["行分"]),
        ("👨\u200d👩\u200d👧 😀😭", ["👨\u200d👩", "😀😭", "\u200d"], ["😭😀", "👨👩"]),
        ("\u202e反转\u202c مرحبا שלום", ["\u202e反转", "مرحبا", "ש"], ["转反"]),
        ("<|user|><|assistant|>[gMASK]", ["<|user|>", "<|assistant|>"], ["<|system|>"]),
        ("𠀀𡃁é e\u0301", ["𠀀", "𡃁é", "e\u0301"], ["é e\u0300"]),
        ("。、，；", ["。", "、，", "；"], ["；。"]),
    ],
)
def test_posts_of_every_make(post: str, held: list[str], refused: list[str]) -> None:
    named = "依据：无。理由：他写「{}」。".format
    for span in held:
        assert admits(post, ["高自杀风险"], RISK, named(span)), ascii(span)
        assert admits(post, ["高自杀风险"], RISK, written(span)) is (len(span) > 1 or span == "累"), ascii(span)
    for span in refused:
        assert not admits(post, ["高自杀风险"], RISK, written(span)), ascii(span)
        assert not admits(post, ["高自杀风险"], RISK, named(span)), ascii(span)


@pytest.mark.parametrize("post", ["「", "」", "「」", "\n", "「\n」\n", "\n\n\n"])
def test_where_nothing_can_be_quoted_nothing_is(post: str) -> None:
    for task, labels in ((RISK, ["高自杀风险"]), (DISTORTION, ["读心术", "放大"]), (DISTORTION, [])):
        assert admits(post, labels, task, "依据：无。理由：因为。")
        for mark in ("「", "」", "「」", "「\n」", "「x」"):
            assert not admits(post, labels, task, f"依据：无。理由：因为{mark}。")
            assert not admits(post, labels, task, f"依据：{mark}。理由：因为。")


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    post=st.text(
        st.sampled_from("「」。、，；“”\\\"'/{}%\n\r\t 我很累ab😀\u200d") | st.characters(exclude_categories=["Cs"]),
        min_size=1,
        max_size=40,
    ).filter(str.strip),
    data=st.data(),
)
def test_exactly_the_stretches_of_a_post_can_be_quoted(post: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(post) - 1))
    shortest = min(MIN_SPAN_CHARACTERS, max(map(len, re.split("[「」\n]", post))))
    other = data.draw(st.text(st.sampled_from(post), min_size=1, max_size=5))
    for span in (post[start : data.draw(st.integers(start + 1, len(post)))], other):
        quotable = span in post and not set(span) & set("「」\n")
        assert admits(post, ["高自杀风险"], RISK, written(span)) is (quotable and len(span) >= shortest)
        assert admits(post, ["高自杀风险"], RISK, f"依据：无。理由：他写「{span}」。") is quotable


def test_a_quote_has_its_length_limit() -> None:
    post = "".join(SENTENCES)
    assert admits(post, ["高自杀风险"], RISK, written(post[3 : 3 + MAX_SPAN_CHARACTERS]))
    assert not admits(post, ["高自杀风险"], RISK, written(post[3 : 4 + MAX_SPAN_CHARACTERS]))


@pytest.mark.parametrize("make", ["sentences", "one character", "two characters", "rare characters"])
def test_the_longest_window_bears_every_label_with_every_quote(make: str) -> None:
    post = {
        "sentences": "".join(SENTENCES) * 20,
        "one character": "累" * MAX_CHARACTERS,
        "two characters": "累累了" * MAX_CHARACTERS,
        "rare characters": "".join(chr(0x4E00 + 37 * k % 20000) for k in range(MAX_CHARACTERS)),
    }[make][:MAX_CHARACTERS]
    places = range(7, MAX_CHARACTERS, MAX_CHARACTERS // (len(PATHWAY.labels) * MAX_SPANS_PER_LABEL + 5))
    spans = [post[place : place + MAX_SPAN_CHARACTERS] for place in places]
    quotes = [Quote(spans.pop(), label) for label in PATHWAY.label_names for _ in range(MAX_SPANS_PER_LABEL)]
    why = "他写「" + "」，又写「".join(spans[:4]) + "」。"
    answer = Answer(tuple(PATHWAY.label_names), tuple(quotes), why)
    assert admits(post, PATHWAY.label_names, PATHWAY, rest_of(answer, PATHWAY))


@pytest.mark.parametrize("name", task_names())
def test_what_is_admitted_in_any_style_is_read_back(name: str) -> None:
    task = load_task(name)
    for style, template in task.styles.items():
        for label in task.label_names:
            quote = Quote("很累", label if task.many else None)
            answer = Answer((label,), (quote,) if template.evidence else None, "「累」。")
            assert admits(PLAIN, [label], task, rest_of(answer, task, style), style)
            assert parse_answer(render_answer(answer, task, style), task, style) == answer
