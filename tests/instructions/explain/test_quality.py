"""What a reply must be: every fault is found and named, and a sound reply passes."""

import pytest

from instructions.explain import quality
from instructions.explain.outgoing import outgoing_post
from instructions.explain.quality import check_reply, told
from instructions.explain.seen import Seen
from instructions.records import Span, Turn
from mentalglm.endpoint import Reply
from mentalglm.tasks import load_task
from tests.instructions.explain.records import record

POST = "我就是个废物，永远不会好了。电话13800138000找我。"
SENT = "我就是个废物，永远不会好了。电话〔电话〕找我。"
RISK = record(POST)
MANY = record(POST, task="cognitive_distortion", labels=["先知错误", "乱贴标签"])
GOOD = (
    "这个帖子体现了低自杀风险。依据：「永远不会好了」。"
    "理由：「永远不会好了」说的是对以后的绝望，没有提到求死，也没有计划。"
)
GOOD_MANY = (
    "这篇帖子体现了先知错误、乱贴标签的认知歪曲。依据：先知错误「永远不会好了」；乱贴标签「我就是个废物」。"
    "理由：作者把坏结果当成定局，又用一个贬义的称呼概括自己的全部。"
)


def reply(text: str, cut: bool = False) -> Reply:
    return Reply(text, cut, 1, 1)


def faults(text: str, of: str = "risk") -> set[str]:
    asked, task = (RISK, "suicide_risk") if of == "risk" else (MANY, "cognitive_distortion")
    checked = check_reply(reply(text), asked, SENT, load_task(task), "grounded")
    assert (checked.value is None) == bool(checked.problems)
    return set(checked.problems)


def test_a_sound_reply_passes_and_its_evidence_is_found_in_the_post_itself() -> None:
    checked = check_reply(reply(GOOD), RISK, SENT, load_task("suicide_risk"), "grounded")
    assert checked.value is not None and not checked.problems
    assert checked.value["explanation"].startswith("「永远不会好了」说的是")
    (span,) = checked.value["evidence"]
    assert POST[span["start"] : span["end"]] == "永远不会好了" and span["label"] is None
    many = check_reply(reply(GOOD_MANY), MANY, SENT, load_task("cognitive_distortion"), "grounded")
    assert many.value is not None
    assert [POST[s["start"] : s["end"]] + s["label"] for s in many.value["evidence"]] == [
        "我就是个废物乱贴标签",
        "永远不会好了先知错误",
    ]


def test_evidence_that_people_marked_stays() -> None:
    marked = [Span(start=0, end=6, label=None)]
    checked = check_reply(
        reply(GOOD), RISK.model_copy(update={"evidence": marked}), SENT, load_task("suicide_risk"), "grounded"
    )
    assert checked.value is not None and checked.value["evidence"] == [marked[0].model_dump()]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("我不能回答这个问题。", quality.UNREAD),
        ("", quality.UNREAD),
        (GOOD.replace("低自杀风险", "高自杀风险", 1), quality.RELABELLED),
        (GOOD.partition("理由：")[0], quality.UNEXPLAINED),
        (GOOD.replace("依据：「永远不会好了」。", ""), quality.UNMARKED),
        (GOOD.replace("依据：「永远不会好了」", "依据：「我想离开这里」"), quality.MISQUOTED),
        (GOOD.replace("依据：「永远不会好了」", "依据：「电话〔电话〕」"), quality.MISQUOTED),
        (GOOD.replace("依据：「永远不会好了」", "依据：「废」"), "the evidence is too short or too long"),
        (
            GOOD.replace("说的是对以后的绝望", "说的是「我想离开这里」"),
            quality.QUOTED,
        ),
        (GOOD.partition("理由：")[0] + "理由：很绝望。", quality.LENGTHS),
        (GOOD.partition("理由：")[0] + "理由：" + "对以后没有指望，也说不出哪里会变好。" * 9, quality.LENGTHS),
        (GOOD.replace("也没有计划。", "建议尽快就医。"), "the explanation gives advice"),
        (GOOD.replace("也没有计划。", "定为三级。"), "the explanation names the level"),
        (GOOD.replace("也没有计划。", "也没有计划，可拨13912345678。"), quality.PERSONAL),
    ],
)
def test_each_fault_is_named(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_every_label_needs_its_evidence() -> None:
    assert not faults(GOOD_MANY, "many")
    assert faults(GOOD_MANY.replace("；乱贴标签「我就是个废物」", ""), "many") == {quality.LABEL_UNMARKED}
    assert quality.RELABELLED in faults(
        GOOD_MANY.replace("、乱贴标签的", "的").replace("；乱贴标签「我就是个废物」", ""), "many"
    )


def test_conversations_have_no_evidence_but_their_words_are_quoted_all_the_same() -> None:
    task = load_task("therapy_engagement")
    turns = [Turn(role="user", content="最近总是睡不着"), Turn(role="assistant", content="先去看看医生吧")]
    label = task.label_names[0]
    talk = record(task=task.name, labels=[label], turns=turns, text=None)
    head = task.styles["grounded"].head.replace("{labels}", task.surface("grounded", label))
    words = "助手说「先去看看医生吧」，只把人引向专业的帮助，自己没有做治疗。"
    sent = outgoing_post(talk).text
    sound = check_reply(reply(f"{head}依据：无。理由：{words}"), talk, sent, task, "grounded")
    assert sound.value == {"explanation": words, "evidence": []}
    invented = words.replace("先去看看医生吧", "你可以试试放松")
    assert check_reply(reply(f"{head}依据：无。理由：{invented}"), talk, sent, task, "grounded").problems == (
        quality.QUOTED,
    )


def test_a_cut_reply_is_nothing_else() -> None:
    checked = check_reply(reply(GOOD, cut=True), RISK, SENT, load_task("suicide_risk"), "grounded")
    assert checked.problems == (quality.CUT,)


def test_reasons_never_hold_words_of_the_post_and_are_told_in_the_language_of_the_task() -> None:
    reasons = [value for name, value in vars(quality).items() if name.isupper() and isinstance(value, str)]
    assert len(reasons) == 12 and not any(said.isascii() for said in told(reasons, "zh"))
    assert told([quality.CUT], "en") == [quality.CUT]


def test_near_twins_of_other_rows_are_known() -> None:
    seen = Seen()
    words = "「永远不会好了」说的是对以后的绝望，没有提到求死的念头，也没有任何计划或准备，只是一时的低落。"
    seen.add("suicide_risk", "a", words)
    assert seen.twin("suicide_risk", "b", words) and seen.twin("suicide_risk", "b", words.replace("只是", "不过是"))
    assert not seen.twin("suicide_risk", "a", words)  # its own
    assert not seen.twin("emotional_safety", "b", words)
    assert not seen.twin("suicide_risk", "b", "晚饭吃了面条，语气平常，没有一点苦楚，也没有提到任何让人担心的事情。")
