"""The public face: iterators, asynchronous programs, answers shown as they are written, bounds, errors by post."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.analyzer import Analyzer
from mentalglm.as_written import as_written
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.tiny import SENTENCES

POSTS = list(SENTENCES[:6])


@pytest.fixture(scope="module")
def analyzer(model_folder: Path) -> Analyzer:
    return Analyzer.load(str(model_folder), device="cpu", batch_size=2)


@pytest.fixture(scope="module")
def untaught(model_folder: Path) -> Analyzer:
    """The same weights, asked as a published checkpoint is, in a style without evidence."""
    with pytest.warns(UserWarning, match="other wordings"):
        return Analyzer.load(str(model_folder), device="cpu", style="mentalglm")


# Iterators.


def test_an_iterator_is_read_as_its_answers_are_taken(analyzer: Analyzer) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield SENTENCES[taken % len(SENTENCES)]

    answers = analyzer.analyze(endless(), ["suicide_level", "emotional_safety"], labels_only=True)
    assert taken == 0
    first = [next(answers) for _ in range(4)]
    assert [one.task for one in first] == ["suicide_level", "emotional_safety"] * 2
    assert [one.text for one in first] == [SENTENCES[1]] * 2 + [SENTENCES[2]] * 2
    assert taken == 8  # four batches of two
    for _ in range(40):
        next(answers)
    assert taken == 24


def test_an_iterator_s_answers_are_the_list_s(analyzer: Analyzer) -> None:
    listed = analyzer.analyze(POSTS, "suicide_risk", labels_only=True)
    assert list(analyzer.analyze(iter(POSTS), "suicide_risk", labels_only=True)) == listed
    assert isinstance(analyzer.analyze({POSTS[0]: 1}, "suicide_risk", labels_only=True), list)
    assert list(analyzer.analyze(iter([]), "suicide_risk")) == []
    with pytest.raises(UserError, match="unknown task"):
        analyzer.analyze(iter(POSTS), "mood")


def test_a_bad_post_in_an_iterator_stops_it_where_it_stands(analyzer: Analyzer) -> None:
    answers = analyzer.analyze(iter([POSTS[0], " ", POSTS[1]]), "suicide_level", labels_only=True)
    assert next(answers).text == POSTS[0]
    with pytest.raises(UserError, match="empty"):
        next(answers)


def test_errors_by_post(analyzer: Analyzer) -> None:
    good, bad, last = analyzer.analyze_each([POSTS[0], "\ud800", POSTS[1]], ["suicide_risk"], labels_only=True)
    assert isinstance(good, list) and isinstance(last, list)
    assert good + last == analyzer.analyze(POSTS[:2], ["suicide_risk"], labels_only=True)
    assert isinstance(bad, ErrorInfo) and bad.code == "invalid_text"


# Asynchronous programs.


def test_an_asynchronous_program_goes_on_meanwhile(analyzer: Analyzer) -> None:
    async def run() -> tuple[list[Analysis], int]:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        clock = asyncio.create_task(turn())
        asked = (analyzer.aanalyze(POSTS[:3], task, labels_only=True) for task in ("suicide_level", "emotional_safety"))
        answers = [one for found in await asyncio.gather(*asked) for one in found]
        clock.cancel()
        return answers, turns

    answers, turns = asyncio.run(run())
    both = ["suicide_level", "emotional_safety"]
    assert answers == [one for task in both for one in analyzer.analyze(POSTS[:3], task, labels_only=True)]
    assert turns > 3
    with pytest.raises(TypeError, match=r"give list\(posts\)"):
        asyncio.run(analyzer.aanalyze(iter(POSTS)))


# Streams.


def test_pieces_make_up_the_answer(analyzer: Analyzer) -> None:
    for task in ("suicide_risk", "cognitive_distortion"):
        *pieces, last = analyzer.analyze(POSTS[1], task, stream=True)
        assert last == analyzer.analyze(POSTS[1], task) and isinstance(last, Analysis)
        text = "".join(map(str, pieces))
        assert len(pieces) > 5 and text.startswith(load_task(task).styles["grounded"].head.split("{")[0])
        for span in last.evidence:
            assert f"「{span.text}" in text


def test_a_long_post_comes_in_one_piece(analyzer: Analyzer) -> None:
    found = list(analyzer.analyze("".join(SENTENCES) * 6, "suicide_risk", stream=True, max_explanation_characters=40))
    assert len(found) == 1 and isinstance(found[0], Analysis) and found[0].windows > 1


def test_a_stream_is_of_one_post_and_one_task(analyzer: Analyzer) -> None:
    for posts, task in ((POSTS, "suicide_risk"), (POSTS[0], ["suicide_risk"]), (POSTS[0], "all")):
        with pytest.raises(UserError, match="one post"):
            analyzer.analyze(posts, task, stream=True)  # type: ignore[call-overload]
    with pytest.raises(UserError, match="empty"):
        analyzer.analyze(" ", stream=True)


def test_a_stream_that_is_given_up_ends_its_work() -> None:
    ended = threading.Event()

    def work(watch: object) -> Analysis:
        try:
            for length in range(1000):
                watch("字" * length)  # type: ignore[operator]
                time.sleep(0.005)
        finally:
            ended.set()
        raise AssertionError("it was not ended")

    stream = as_written(work)
    assert next(stream) == "字"
    stream.close()  # type: ignore[attr-defined]
    assert ended.wait(2)


def test_what_goes_wrong_in_a_stream_is_raised_and_repeats_are_not_shown() -> None:
    def work(watch: object) -> Analysis:
        for text in ("甲", "甲乙", "甲", "甲乙", "甲乙丙"):
            watch(text)  # type: ignore[operator]
        raise UserError("the model has gone")

    shown = []
    with pytest.raises(UserError, match="gone"):
        for piece in as_written(work):
            shown.append(piece)
    assert shown == ["甲", "乙", "丙"]


# Bounds.


def test_explanations_keep_their_bound(analyzer: Analyzer) -> None:
    free = analyzer.analyze(POSTS, "suicide_risk")
    assert any(len(one.explanation or "") > 30 for one in free)
    for one, before in zip(analyzer.analyze(POSTS, "suicide_risk", max_explanation_characters=30), free, strict=True):
        assert one.explanation and len(one.explanation) <= 30
        assert one.model_dump(exclude={"explanation"}) == before.model_dump(exclude={"explanation"})
    with pytest.raises(UserError, match="2 or more"):
        analyzer.analyze(POSTS, max_explanation_characters=1)
    with pytest.raises(TypeError, match="no option label_only"):
        analyzer.analyze(POSTS, label_only=True)  # type: ignore[call-overload]


# Evidence from models that were never taught any.


def test_evidence_is_quoted_behind_the_labels_where_the_style_has_none(untaught: Analyzer) -> None:
    answers = untaught.analyze(POSTS, ["suicide_risk", "cognitive_distortion"])
    assert any(one.evidence for one in answers if one.task == "suicide_risk")
    for one in answers:
        many = one.task == "cognitive_distortion"
        for span in one.evidence:
            assert span.text == one.text[span.start : span.end] and len(span.text) >= 2
            assert span.label in (one.labels if many else [None])
        assert one.evidence or not many or not one.labels  # a label that is one of many has words of its own
    brief = untaught.analyze(POSTS, ["suicide_risk", "cognitive_distortion"], labels_only=True)
    assert [one.labels for one in brief] == [one.labels for one in answers]
    assert not any(one.evidence for one in brief)
    alone = [one for post in POSTS for one in untaught.analyze(post, ["suicide_risk", "cognitive_distortion"])]
    assert [one.evidence for one in alone] == [one.evidence for one in answers]
