"""Whether a label rests on its evidence: ERASER's two differences, against a reader whose probabilities are known."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mentalglm.analysis import Analysis, Evidence
from mentalglm.analyzer import Analyzer
from mentalglm.faithfulness import add_faithfulness, alone, without
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES

POST = "我是废物，天气很好，都怪我。"


def span(words: str, label: str | None = None, post: str = POST) -> Evidence:
    start = post.index(words)
    return Evidence(text=words, start=start, end=start + len(words), label=label)


def answer(task: str, labels: list[str], *evidence: Evidence, explanation: str | None = "写到自责。") -> Analysis:
    names = load_task(task).label_names
    return Analysis(
        task=task,
        text=POST,
        labels=labels,
        probabilities={name: weigh(POST) if name in labels else 0.1 for name in names},
        evidence=list(evidence),
        explanation=explanation,
        model="m",
        prompt_hash="h",
    )


def weigh(text: str) -> float:
    """A reader that knows two words."""
    return 0.1 + 0.5 * ("废物" in text) + 0.25 * ("怪我" in text)


def reader(task: str) -> Callable[[list[str]], list[dict[str, float | None]]]:
    return lambda texts: [dict.fromkeys(load_task(task).label_names, weigh(text)) for text in texts]


def test_erasing_and_keeping() -> None:
    spans = [span("我是废物"), span("怪我")]
    assert without(POST, spans) == "，天气很好，都。"
    assert alone(POST, spans, "zh") == "我是废物，怪我"
    assert alone(POST, spans, "en") == "我是废物, 怪我"
    assert without(POST, [span(POST)]) == ""
    overlapping = [span("我是废物"), span("废物，天气")]
    assert without(POST, overlapping) == "很好，都怪我。"


@pytest.mark.parametrize(
    ("words", "comprehensiveness", "sufficiency"),
    [(["我是废物"], 0.5, 0.25), (["怪我"], 0.25, 0.5), (["我是废物", "怪我"], 0.75, 0.0), (["天气很好"], 0.0, 0.75)],
)
def test_words_that_carry_the_label_are_told_from_words_that_do_not(
    words: list[str], comprehensiveness: float, sufficiency: float
) -> None:
    one = answer("emotional_safety", ["不安全"], *map(span, words))
    add_faithfulness([one], load_task("emotional_safety"), reader("emotional_safety"))
    found = one.faithfulness
    assert found is not None and found.agrees is True
    assert (found.comprehensiveness, found.sufficiency) == pytest.approx((comprehensiveness, sufficiency))


def test_several_labels_are_measured_with_their_own_words() -> None:
    first, second, bare = load_task("cognitive_distortion").label_names[:3]
    one = answer("cognitive_distortion", [first, second, bare], span("我是废物", first), span("怪我", second))
    add_faithfulness([one], load_task("cognitive_distortion"), reader("cognitive_distortion"))
    assert one.faithfulness is not None
    assert one.faithfulness.comprehensiveness == pytest.approx((0.5 + 0.25) / 2)
    assert one.faithfulness.sufficiency == pytest.approx((0.25 + 0.5) / 2)


def test_what_cannot_be_known_is_null() -> None:
    task = load_task("emotional_safety")
    silent = answer("emotional_safety", ["不安全"], explanation=None)
    unknown = answer("emotional_safety", ["不安全"], span("怪我"))
    unknown.probabilities["不安全"] = None
    crossed = answer("emotional_safety", ["不安全"], span("怪我"), explanation="这段文字属于安全。")
    add_faithfulness([silent, unknown, crossed], task, reader("emotional_safety"))
    found = [one.faithfulness for one in (silent, unknown, crossed)]
    assert [f and (f.comprehensiveness, f.sufficiency, f.agrees) for f in found] == [
        (None, None, None),
        (None, None, True),
        (pytest.approx(0.25), pytest.approx(0.5), False),
    ]


def test_it_is_measured_with_the_model_itself(model_folder: Path) -> None:
    analyzer = Analyzer.load(str(model_folder), device="cpu")
    posts = [SENTENCES[1], "累"]  # the evidence of the second is the whole post, or none
    plain = analyzer.analyze(posts, ["cognitive_distortion", "emotional_safety"])
    assert all(one.faithfulness is None for one in plain)
    measured = analyzer.analyze(posts, ["cognitive_distortion", "emotional_safety"], faithfulness=True)
    for one, before in zip(measured, plain, strict=True):
        assert one.faithfulness is not None
        assert one.model_dump(exclude={"faithfulness"}) == before.model_dump(exclude={"faithfulness"})
        assert (one.faithfulness.comprehensiveness is None) == (not one.evidence)
        if one.task == "emotional_safety" and one.evidence:
            erased = without(one.text, one.evidence)
            if erased.strip():
                again = analyzer.analyze(erased, "emotional_safety", labels_only=True).probabilities[one.labels[0]]
                before_p = one.probabilities[one.labels[0]]
                assert again is not None and before_p is not None
                assert one.faithfulness.comprehensiveness == pytest.approx(before_p - again, abs=1e-4)
    brief = analyzer.analyze(posts[0], "emotional_safety", faithfulness=True, labels_only=True)
    assert brief.faithfulness is None
