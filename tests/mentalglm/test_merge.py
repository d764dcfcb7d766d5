"""From windows to one analysis: nothing grave is outvoted, every offset points at its words."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.analysis import Analysis, Evidence
from mentalglm.answer import Answer, Quote
from mentalglm.calibration import Calibration, LabelCalibration
from mentalglm.decoding.merge import WindowAnswer, gravity, merge_evidence, merge_windows
from mentalglm.tasks import load_task

RISK, LEVEL = load_task("suicide_risk"), load_task("suicide_level")
DISTORTION, SAFETY = load_task("cognitive_distortion"), load_task("emotional_safety")
CATEGORY = load_task("risk_category")


def merged(text: str, windows: list[WindowAnswer], task: Any, labels_only: bool = False) -> Analysis:
    analysis = merge_windows(text, windows, task, labels_only, model="m", prompt_hash="h")
    for span in analysis.evidence:
        assert text[span.start : span.end] == span.text
    assert list(analysis.probabilities) == task.label_names
    assert analysis.text == text and analysis.windows == len(windows)
    return analysis


def window(
    text: str, labels: tuple[str, ...], probabilities: list[float], *quotes: Quote, why: str = "因为。"
) -> WindowAnswer:
    return WindowAnswer(text, Answer(labels, quotes, why), probabilities)


def row(task: Any, **known: float) -> list[float]:
    return [known.get(name, 0.0) for name in task.label_names]


def test_one_window_is_taken_as_it_is() -> None:
    analysis = merged("我很累。", [window("我很累。", ("低自杀风险",), [0.25, 0.75], Quote("很累"))], RISK)
    assert analysis.labels == ["低自杀风险"]
    assert analysis.probabilities == {"高自杀风险": 0.25, "低自杀风险": 0.75}
    assert analysis.evidence == [Evidence(text="很累", start=1, end=3)]
    assert (analysis.explanation, analysis.parsed, analysis.windows) == ("因为。", True, 1)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2]])
def test_the_gravest_window_answers_for_a_post_of_one_label(order: list[int]) -> None:
    windows = [
        window("甲乙", ("低自杀风险",), [0.1, 0.9], Quote("甲"), why="平静。"),
        window("乙丙", ("高自杀风险",), [0.8, 0.2], Quote("丙"), why="危险。"),
        window("丙丁", ("低自杀风险",), [0.3, 0.7], Quote("丁"), why="难过。"),
    ]
    analysis = merged("甲乙丙丁", [windows[k] for k in order], RISK)
    assert (analysis.labels, analysis.explanation) == (["高自杀风险"], "危险。")
    assert analysis.probabilities == {"高自杀风险": 0.8, "低自杀风险": 0.2}
    assert [span.text for span in analysis.evidence] == ["丙"]


def test_a_level_is_that_of_the_window_most_likely_in_crisis() -> None:
    calm, grave = row(LEVEL, **{"0": 0.9, "9": 0.1}), row(LEVEL, **{"2": 0.6, "5": 0.2, "7": 0.2})
    analysis = merged("甲乙", [window("甲", ("0",), calm), window("乙", ("2",), grave)], LEVEL)
    assert analysis.labels == ["2"]
    assert sum(p or 0 for p in analysis.probabilities.values()) == pytest.approx(1)


def test_many_labels_are_those_of_all_windows_in_canonical_order() -> None:
    low, high = row(DISTORTION, 读心术=0.6, 放大=0.1), row(DISTORTION, 放大=0.9, 非此即彼=0.7)
    windows = [
        window("甲乙", ("读心术",), low, Quote("乙", "读心术"), why="一。"),
        window("乙丙", ("放大", "非此即彼"), high, Quote("丙", "放大"), Quote("乙", "非此即彼"), why="二。"),
    ]
    analysis = merged("甲乙丙", windows, DISTORTION)
    assert analysis.labels == ["非此即彼", "读心术", "放大"]
    assert analysis.probabilities["读心术"] == 0.6 and analysis.probabilities["放大"] == 0.9
    assert [(span.text, span.label) for span in analysis.evidence] == [
        ("乙", "读心术"),
        ("乙", "非此即彼"),
        ("丙", "放大"),
    ]
    assert analysis.explanation == "二。"


def test_no_labels_anywhere_is_no_label() -> None:
    analysis = merged("甲乙", [window("甲", (), row(DISTORTION)), window("乙", (), row(DISTORTION))], DISTORTION)
    assert (analysis.labels, analysis.evidence, analysis.parsed) == ([], [], True)


def test_a_window_that_cannot_be_read_leaves_the_post_unparsed_and_never_without_risk() -> None:
    windows = [window("甲", ("低自杀风险",), [0.1, 0.9]), WindowAnswer("乙", None, [float("nan")] * 2)]
    analysis = merged("甲乙", windows, RISK)
    assert (analysis.parsed, analysis.labels, analysis.crisis) == (False, [], None)
    assert set(analysis.probabilities.values()) == {None}
    assert "NaN" not in analysis.model_dump_json()


def test_labels_only_leaves_evidence_and_explanation_out() -> None:
    analysis = merged("甲", [window("甲", ("高自杀风险",), [0.8, 0.2], Quote("甲"))], RISK, labels_only=True)
    assert (analysis.labels, analysis.evidence, analysis.explanation) == (["高自杀风险"], [], None)


def test_a_repeated_string_is_its_first_occurrence() -> None:
    analysis = merged("累啊累啊", [window("累啊", ("高自杀风险",), [0.8, 0.2], Quote("累啊"))], RISK)
    assert analysis.evidence == [Evidence(text="累啊", start=0, end=2)]


def test_offsets_count_code_points() -> None:
    text = "👨\u200d👩\u200d👧😀累"
    analysis = merged(text, [window(text, ("高自杀风险",), [0.8, 0.2], Quote("累"))], RISK)
    assert analysis.evidence == [Evidence(text="累", start=6, end=7)]


def test_a_quote_that_is_not_in_the_post_is_left_out() -> None:
    analysis = merged("甲", [window("甲", ("高自杀风险",), [0.8, 0.2], Quote("乙"), Quote("甲"))], RISK)
    assert [span.text for span in analysis.evidence] == ["甲"]


def test_only_overlaps_of_the_same_label_merge() -> None:
    text = "0123456789"

    def span(start: int, end: int, label: str | None) -> Evidence:
        return Evidence(text=text[start:end], start=start, end=end, label=label)

    spans = [span(0, 3, "a"), span(2, 5, "a"), span(1, 4, "b"), span(5, 7, "a"), span(8, 9, None), span(8, 9, None)]
    assert merge_evidence(text, spans) == [span(0, 5, "a"), span(1, 4, "b"), span(5, 7, "a"), span(8, 9, None)]
    inside = [span(0, 9, "a"), span(2, 4, "a"), span(5, 6, "a")]
    assert merge_evidence(text, inside) == [span(0, 9, "a")]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.integers(0, 19), st.integers(1, 8), st.sampled_from(["a", "b", None])).filter(
            lambda span: span[0] + span[1] <= 20
        )
    )
)
def test_merging_loses_no_character_and_adds_none(drawn: list[tuple[int, int, str | None]]) -> None:
    text = "abcdefghijklmnopqrst"
    spans = [Evidence(text=text[s : s + n], start=s, end=s + n, label=label) for s, n, label in drawn]
    result = merge_evidence(text, spans)

    def marked(these: list[Evidence]) -> set[tuple[int, str | None]]:
        return {(place, span.label) for span in these for place in range(span.start, span.end)}

    assert marked(result) == marked(spans)
    assert sum(span.end - span.start for span in result) == len(marked(result))
    assert all(text[span.start : span.end] == span.text for span in result)
    assert [span.start for span in result] == sorted(span.start for span in result)


@pytest.mark.parametrize(
    ("task", "rising"),
    [
        # The label decided on counts first, however sure the other window is; then the probability of grave labels.
        (RISK, [("低自杀风险", [0.1, 0.9]), ("低自杀风险", [0.4, 0.6]), ("高自杀风险", [0.3, 0.7])]),
        (
            LEVEL,
            [
                ("3", row(LEVEL, **{"3": 1.0})),
                ("3", row(LEVEL, **{"3": 0.6, "4": 0.4})),
                ("3", row(LEVEL, **{"3": 0.6, "6": 0.4})),
                ("4", row(LEVEL, **{"4": 1.0})),
                ("6", row(LEVEL, **{"6": 0.5, "5": 0.5})),
                ("10", row(LEVEL, **{"10": 0.8, "5": 0.2})),
            ],
        ),
        # Without labels of crisis the scale counts: 安全, 临界, 不安全.
        (SAFETY, [("安全", [0.9, 0.1, 0.0]), ("临界", [0.3, 0.4, 0.3]), ("不安全", [0.3, 0.3, 0.4])]),
        (DISTORTION, [(None, row(DISTORTION, 放大=0.4)), ("放大", row(DISTORTION, 放大=0.3, 读心术=0.2))]),
        (
            CATEGORY,
            [
                (None, row(CATEGORY, 暴力与仇恨=0.4)),
                ("暴力与仇恨", row(CATEGORY, 暴力与仇恨=0.9)),
                ("自杀与自伤", row(CATEGORY, 自杀与自伤=0.5)),
            ],
        ),
    ],
)
def test_the_gravest_of_windows(task: Any, rising: list[tuple[str | None, list[float]]]) -> None:
    windows = [WindowAnswer("x", Answer((label,) if label else ()), p) for label, p in rising]
    found = [gravity(one, task) for one in windows]
    assert found == sorted(found) and len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("说完了。", "说完了。"),
        ("说完了。还没说", "说完了。"),
        ("他说「累」", "他说「累」"),
        ("没有句号", "没有句号"),
        ("真的吗？没有说完的，", "真的吗？"),
    ],
)
def test_an_explanation_cut_by_the_length_limit_ends_with_its_last_full_sentence(said: str, kept: str) -> None:
    analysis = merged("累", [window("累", ("高自杀风险",), [0.8, 0.2], why=said)], RISK)
    assert analysis.explanation == kept


def test_an_answer_without_an_explanation_has_none() -> None:
    answer = WindowAnswer("累", Answer(("高自杀风险",), (Quote("累"),), None), [0.8, 0.2])
    analysis = merged("累", [answer], RISK)
    assert analysis.explanation is None and [span.text for span in analysis.evidence] == ["累"]


# Abstention.


def banded(error_rate: float = 0.1, **labels: tuple[float, float | None]) -> Calibration:
    known = {name: LabelCalibration(possible=low, certain=high) for name, (low, high) in labels.items()}
    return Calibration(error_rate=error_rate, labels=known)


def held(text: str, windows: list[WindowAnswer], task: Any, calibration: Calibration) -> Analysis:
    return merge_windows(text, windows, task, False, model="m", prompt_hash="h", calibration=calibration)


def test_what_is_not_decided_has_no_evidence_and_no_reason() -> None:
    calibration = banded(高自杀风险=(0.2, None), 低自杀风险=(0.6, None))
    for p, decided in ((0.1, True), (0.3, False)):
        analysis = held("我很累。", [window("我很累。", ("低自杀风险",), [p, 1 - p], Quote("很累"))], RISK, calibration)
        assert analysis.abstained != decided and analysis.parsed
        assert analysis.labels == (["低自杀风险"] if decided else [])
        assert analysis.candidates == ([] if decided else ["高自杀风险", "低自杀风险"])
        assert (len(analysis.evidence), analysis.explanation) == ((1, "因为。") if decided else (0, None))
        assert analysis.probabilities["高自杀风险"] == p


def test_one_doubtful_window_keeps_a_post_from_being_called_safe() -> None:
    calibration = banded(高自杀风险=(0.2, None), 低自杀风险=(0.6, None))
    calm, doubtful = (window(text, ("低自杀风险",), [p, 1 - p]) for text, p in (("甲", 0.01), ("乙", 0.3)))
    for windows in ([calm, doubtful], [doubtful, calm]):
        analysis = held("甲乙", windows, RISK, calibration)
        assert analysis.labels == [] and analysis.candidates == ["高自杀风险", "低自杀风险"]
    grave = window("丙", ("高自杀风险",), [0.95, 0.05])
    assert held("甲乙丙", [calm, doubtful, grave], RISK, calibration).labels == ["高自杀风险"]


def test_of_many_labels_those_that_are_certain_keep_their_evidence() -> None:
    names = CATEGORY.label_names
    calibration = banded(**dict.fromkeys(names, (0.2, 0.7)))
    row_ = [0.9, 0.6, 0.3, 0.0, 0.0, 0.0]
    quotes = (Quote("甲", names[0]), Quote("乙", names[1]))
    analysis = held("甲乙", [window("甲乙", (names[0], names[1]), row_, *quotes)], CATEGORY, calibration)
    assert (analysis.labels, analysis.candidates, analysis.abstained) == (names[:1], names[1:3], True)
    assert [span.label for span in analysis.evidence] == names[:1] and analysis.explanation == "因为。"
