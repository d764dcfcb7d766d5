"""The lexicon rule: words, gaps, negation, other people's stories; every shipped lexicon fits its task."""

import json
from pathlib import Path

import pytest
import yaml

from eval.baselines import Lesson, learn
from eval.baselines.lexicon import FOLDER, Lexicon, find, read_lexicon
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate, manifest, samples

RISK = load_task("suicide_risk")
WORDS = Lexicon(
    task="suicide_risk",
    version=1,
    note="invented",
    otherwise="低自杀风险",
    elsewhere=["歌词"],
    words={"高自杀风险": ["想死", "买…绳", "不想活"]},
)


def found(post: str, lexicon: Lexicon = WORDS, language: str = "zh") -> list[str]:
    return [post[start:end] for spans in find(post, lexicon, language).values() for start, end in spans]


@pytest.mark.parametrize(
    ("post", "words"),
    [
        ("我想死", ["想死"]),
        ("我不想死", []),
        ("我没有真想死", []),
        ("我从没想死过", []),
        ("不是不想死", ["想死"]),  # two negations cancel
        ("没睡好，想死", ["想死"]),  # a negation of another clause denies nothing
        ("忍不住想死", ["想死"]),
        ("特别想死", ["想死"]),
        ("我不想活了", ["不想活"]),  # a word that holds its own negation
        ("去买了一根绳子", ["买了一根绳"]),
        ("去买菜。家里有绳子", []),  # a gap stays inside the sentence
        ("买了很多很多东西还有绳子", []),  # and is short
        ("歌词里写想死", []),
        ("歌词写得真好。我想死", ["想死"]),
        ("想死，真的想死", ["想死", "想死"]),
        ("", []),
    ],
)
def test_which_words_count(post: str, words: list[str]) -> None:
    assert found(post) == words


@pytest.mark.parametrize(
    ("post", "words"),
    [("I want to die", 1), ("I never want to die", 0), ("I don't want to die", 0), ("not only sad, I want to die", 1)],
)
def test_english_negation(post: str, words: int) -> None:
    lexicon = WORDS.model_copy(update={"words": {"高自杀风险": ["want to die"]}, "elsewhere": []})
    lexicon = Lexicon.model_validate(lexicon.model_dump())
    assert len(found(post, lexicon, "en")) == words


def test_the_answer_of_one_label_is_the_gravest_and_of_many_all() -> None:
    level = learn("lexicon", Lesson(load_task("suicide_level"), []))
    (answer,) = level.answer(["我想死，遗书写好了"])
    assert answer.labels == ["6"] and answer.crisis == "urgent"
    assert level.answer(["今天天气不错"])[0].labels == ["0"]
    assert set(answer.probabilities.values()) == {None}
    distortion = learn("lexicon", Lesson(load_task("cognitive_distortion"), []))
    (answer,) = distortion.answer(["都怪我，我就是个废物"])
    assert answer.labels == ["乱贴标签", "罪责归己"]  # in the task's order
    assert distortion.answer(["今天天气不错"])[0].labels == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_lexicon_fits_its_task(path: Path) -> None:
    task = load_task(path.stem)
    lexicon = read_lexicon(path, task)
    assert set(lexicon.words) | {lexicon.otherwise} - {None} == set(task.label_names)
    for label, words in lexicon.words.items():
        assert len(set(words)) == len(words) >= 5, label
    if task.kind == "ordinal":
        assert list(lexicon.words) == [name for name in reversed(task.label_names) if name != lexicon.otherwise]


def test_a_run_needs_no_training_rows(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "遗书写好了", "labels": ["高自杀风险"]},
        {"id": "b", "text": "照常", "labels": ["高自杀风险"]},
    ]
    data = tmp_path / "suicide_risk.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "run"
    evaluate("run", "--task", "suicide_risk", "--data", data, "--model", "lexicon", "--out", out)
    assert [item["labels"] for item in samples(out)] == [["高自杀风险"], ["低自杀风险"]]
    told = manifest(out)
    assert told["setting"] == "baseline" and told["model"]["tasks"]["suicide_risk"]["version"] == 1
    evaluate("score", out)
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert scores["metrics"]["recall"]["value"] == 0.5
    assert "auroc" not in scores["metrics"] or scores["metrics"]["auroc"]["value"] is None  # a rule knows no chances


def test_a_lexicon_of_ones_own_and_its_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"

    def refused(**change: object) -> str:
        path.write_text(yaml.safe_dump(WORDS.model_dump() | change, allow_unicode=True), encoding="utf-8")
        with pytest.raises(UserError) as error:
            learn(f"lexicon:{path}", Lesson(RISK, []))
        assert "\n" not in str(error.value)
        return str(error.value)

    assert "no label of suicide_risk" in refused(words={"中自杀风险": ["想死"]})
    assert "a lexicon of suicide_level" in refused(task="suicide_level")
    assert "otherwise: needed" in refused(otherwise=None)
    assert "an empty word" in refused(words={"高自杀风险": ["想死", "…"]})
    assert "colour" in refused(colour="red")
    with pytest.raises(UserError, match=r"no lexicon for depression \(there are: cognitive_distortion"):
        learn("lexicon", Lesson(load_task("depression"), []))
    path.write_text(yaml.safe_dump(WORDS.model_dump(), allow_unicode=True), encoding="utf-8")
    assert learn(f"lexicon:{path}", Lesson(RISK, [])).answer(["想死"])[0].labels == ["高自杀风险"]


def test_a_lexicon_that_is_not_there_is_named_for_a_suite_too(tmp_path: Path) -> None:
    from tests.eval.commands import refusal

    missing = tmp_path / "none.yaml"
    said = refusal("run", "open", "--limit", 1, "--model", f"lexicon:{missing}", "--out", tmp_path / "run")
    assert said.startswith(f"{missing}: cannot be read")
