"""What is said of a record by itself: order and verdicts are the same in one process and in two."""

import pytest

from instructions import examine as module
from instructions.config import Config
from instructions.examine import examine, examine_one
from instructions.gather import Candidate
from tests.instructions.made import POSTS, candidate

CONFIG = Config.model_validate({"name": "x", "sources": ["made"]})


def reason(one: Candidate, **checks: object) -> str | None:
    return examine_one(one, CONFIG.model_copy(update={"checks": CONFIG.checks.model_copy(update=checks)})).reason


def test_faults_have_reasons() -> None:
    assert reason(candidate()) is None
    assert reason(candidate(labels=["高兴"])) == "label '高兴' is not one of emotional_safety"
    assert reason(candidate(" 啊 ")) == "the post has fewer than 2 characters"
    assert reason(candidate("长" * 2001)) == "the post has more than 2000 characters"
    assert reason(candidate("坏掉的\ufffd\ufffd字")) == "the post holds text in a broken encoding"
    assert reason(candidate(explanation="好。", explanation_by="llm")) is None  # the row stays without it
    assert reason(candidate(explanation="好。", explanation_by="llm"), faulty_explanation="quarantine") == (
        "the explanation is too short or too long"
    )


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("文中只写睡不着，没有求死的意思，建议尽快就医，好好休息。", "the explanation gives advice"),
        (
            "文中写到「我想去死」，语气平稳，没有别的表述，因此归为安全。",
            "the explanation quotes words that are not in the post",
        ),
        ("文中只写睡不着，作者患有重度抑郁症，没有求死的意思，因此归为安全。", "the explanation gives a diagnosis"),
    ],
)
def test_an_unsound_explanation_is_left_out(words: str, fault: str) -> None:
    verdict = examine_one(candidate(explanation=words, explanation_by="llm"), CONFIG)
    assert verdict.reason is None
    assert verdict.without == fault
    assert (verdict.record.explanation, verdict.record.explanation_by) == (None, "none")


def test_masks_move_evidence_and_take_what_they_cut() -> None:
    post = "找我13912345678，我真的撑不住了，加我微信 abcd_1234 吧"
    spans = [(post.index("真的撑不住"), "真的撑不住"), (post.index("345678，我"), "345678，我")]
    evidence = [{"start": start, "end": start + len(words), "label": None} for start, words in spans]
    verdict = examine_one(candidate(post, labels=["临界"], evidence=evidence), CONFIG)
    text = verdict.record.text or ""
    assert "13912345678" not in text and "abcd_1234" not in text
    assert [text[span.start : span.end] for span in verdict.record.evidence] == ["真的撑不住"]
    assert verdict.masked == ("phone", "wechat")


def test_one_process_and_two_say_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [candidate(POSTS[n % 5] + str(n // 2), id=str(n)) for n in range(60)]
    alone = examine(rows, CONFIG, processes=1)
    monkeypatch.setattr(module, "CHUNK", 7)
    together = examine(rows, CONFIG, processes=2)
    assert [verdict.record.id for verdict in alone] == [str(n) for n in range(60)]
    assert alone == together
