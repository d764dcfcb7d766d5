"""Quoted words: found where they stand, never invented."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from instructions.sources.spans import locate
from tests.instructions.sources.made import read, source, write


def found(quote: str, text: str) -> list[str]:
    return [text[span.start : span.end] for span in locate([quote], text, None)]


def test_a_quote_is_found_whole_or_piece_by_piece() -> None:
    assert found("Nobody Cares", "I think nobody cares, nobody at all") == ["nobody cares"]
    assert found("nobody, so tired, not there", "so tired. nobody") == ["so tired", "nobody"]
    assert found("“一点用也没有”", "我一点用也没有。") == ["一点用也没有"]
    assert found("没有用……睡不着", "睡不着，没有用") == ["睡不着", "没有用"]
    assert found("not there", "so tired") == []
    assert found("", "so tired") == []


def test_an_english_word_is_not_found_inside_another() -> None:
    assert found("art", "the start of art") == ["art"]
    assert locate(["art"], "the start of art", None)[0].start == 13
    assert found("art", "the start") == []
    assert found("it", "it is") == []


def test_spans_never_overlap_and_stand_in_the_texts_order() -> None:
    spans = locate(["c d", "a b c", "e f g"], "a b c d e f g", "x")
    assert [(span.start, span.end, span.label) for span in spans] == [(0, 5, "x"), (8, 13, "x")]


WORDS = st.text(alphabet="abC ,。我们", max_size=12)


@given(WORDS, WORDS)
def test_whatever_is_found_was_quoted_and_stands_in_order(quote: str, text: str) -> None:
    spans = locate([quote], text, None)
    assert all(text[span.start : span.end].lower() in quote.lower() for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))


@given(WORDS, WORDS, WORDS)
def test_words_of_the_text_are_always_found(before: str, words: str, after: str) -> None:
    if len(words.strip()) > 2:
        assert locate([words], f"{before} {words} {after}", None)


def test_a_column_of_quotes_becomes_evidence(tmp_path: Path) -> None:
    lines = [
        "text,label,many,quote",
        "票都订好了，再见,高自杀风险,放大,订好了",
        "票都订好了，再见,高自杀风险,放大、读心术,订好了",
        "票都订好了，再见,高自杀风险,无,订好了",
        "票都订好了，再见,高自杀风险,放大,别的话",
    ]
    write(tmp_path / "a.csv", "\n".join(lines))
    tasks = [{"task": "suicide_risk", "labels": "label"}, {"task": "cognitive_distortion", "labels": "many"}]
    records, _ = read(source(evidence="quote", tasks=tasks), tmp_path)
    single = [[(span.start, span.end, span.label) for span in record.evidence] for record in records[::2]]
    assert single == [[(2, 5, None)], [(2, 5, None)], [(2, 5, None)], []]
    # Of several labels nobody knows which one the words carry.
    many = [[span.label for span in record.evidence] for record in records[1::2]]
    assert many == [["放大"], [], [], []]
