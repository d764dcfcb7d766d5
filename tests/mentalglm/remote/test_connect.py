"""The same face over a real endpoint: what it answers, what it drops, what it leaves unknown, and how it fails."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.analyze_files import Request, run
from mentalglm.analyzer import Analyzer
from mentalglm.answer import Answer, Quote
from mentalglm.errors import UserError
from mentalglm.models import EMBEDDED
from mentalglm.remote.abilities import Abilities
from mentalglm.remote.decoder import windows_of
from mentalglm.remote.window import verbatim
from mentalglm.special_tokens import break_special_tokens
from tests.endpoints import Fault, Gateway, free_port, mentalglm_server, transformers_server
from tests.mentalglm.test_analyzer import fuzzed_posts
from tests.tiny import SENTENCES

POSTS = list(SENTENCES[:5])
TASKS = ["suicide_risk", "suicide_level", "cognitive_distortion", "emotional_safety"]
Rewrite = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def local() -> list[Analysis]:
    return Analyzer.load(device="cpu").analyze(POSTS, TASKS)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway(mentalglm_server()) as gateway:
        yield gateway


def connect(gateway: Gateway, **options: Any) -> Analyzer:
    return Analyzer.connect(gateway.url, "embedded", **{"folder": EMBEDDED, **options})


def without(*names: str) -> Rewrite:
    """Makes an endpoint that does not know these settings."""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def abilities_of(analyzer: Analyzer) -> Abilities:
    opening = analyzer._decoder._opening  # type: ignore[union-attr]
    return opening.result()[1]  # type: ignore[union-attr]


def check_honest(one: Analysis) -> None:
    for span in one.evidence:
        assert span.text == one.text[span.start : span.end] and span.text
    assert one.parsed or (one.labels, one.evidence, one.crisis) == ([], [], None)
    assert Analysis.model_validate_json(one.model_dump_json()) == one


def test_the_answers_are_those_of_the_model_itself(gateway: Gateway, local: list[Analysis]) -> None:
    far = connect(gateway)
    answers = far.analyze(POSTS, TASKS)
    assert abilities_of(far) == Abilities(grammar=True, chances=True)
    for one, other in zip(answers, local, strict=True):
        check_honest(one)
        left_out = {"probabilities", "model"}
        assert one.model_dump(exclude=left_out) == other.model_dump(exclude=left_out)
        known = {name: p for name, p in one.probabilities.items() if p is not None}
        assert len(known) > len(one.probabilities) / 2 and list(one.probabilities) == list(other.probabilities)
        # Token by token and text by text are two ways to share out what the model does not give to any label.
        assert known == pytest.approx({name: other.probabilities[name] for name in known}, abs=0.2)
    far.close()


def test_labels_only_asks_for_labels_only(gateway: Gateway, local: list[Analysis]) -> None:
    answers = connect(gateway).analyze(POSTS, TASKS, labels_only=True)
    assert [one.labels for one in answers] == [one.labels for one in local]
    assert all(one.evidence == [] and one.explanation is None for one in answers)
    assert not any("依据" in json.dumps(body, ensure_ascii=False) for body in gateway.bodies)


def test_without_probabilities_they_are_null(gateway: Gateway, local: list[Analysis]) -> None:
    gateway.rewrite = without("logprobs", "top_logprobs")
    far = connect(gateway)
    answers = far.analyze(POSTS, TASKS)
    assert abilities_of(far) == Abilities(grammar=True, chances=False)
    for one in answers:
        check_honest(one)
        assert one.parsed and set(one.probabilities.values()) == {None}
    assert any(one.evidence for one in answers)
    same = [one.labels == other.labels for one, other in zip(answers, local, strict=True) if one.task == "suicide_risk"]
    assert sum(same) >= len(same) - 1  # the likeliest, as no threshold can be kept


@pytest.mark.parametrize("chances", [True, False])
def test_without_a_grammar_the_reply_is_taken_as_it_comes(gateway: Gateway, chances: bool) -> None:
    gateway.rewrite = without("structured_outputs", *([] if chances else ["logprobs", "top_logprobs"]))
    far = connect(gateway)
    answers = far.analyze(POSTS, TASKS)
    assert abilities_of(far) == Abilities(grammar=False, chances=chances)
    assert any(one.parsed for one in answers) and any(one.evidence for one in answers)
    for one in answers:
        check_honest(one)
        told = [p for p in one.probabilities.values() if p is not None]
        assert not told or (chances and one.parsed)
        assert told or one.task != "suicide_risk" or not (chances and one.parsed)


@pytest.mark.parametrize("known", ["structured_outputs", "logprobs"])
def test_an_endpoint_that_refuses_a_setting_is_not_asked_for_it_again(gateway: Gateway, known: str) -> None:
    wanted = {"structured_outputs", "logprobs"} - {known}

    def fault(place: int) -> Fault:
        return (400, {}) if wanted & set(gateway.bodies[place]) else None

    gateway.fault = fault
    far = connect(gateway)
    one = far.analyze(POSTS[0])
    assert abilities_of(far) == Abilities(known == "structured_outputs", known == "logprobs")
    assert one.parsed
    begun = len(gateway.bodies)
    far.analyze(POSTS[1])
    assert not any(wanted & set(body) for body in gateway.bodies[begun:])


def test_a_foreign_model_that_does_not_know_the_form_says_nothing() -> None:
    url, name = transformers_server()
    answers = Analyzer.connect(url, name).analyze(["今天好累。", "不想说话。"], ["suicide_risk", "risk_category"])
    for one in answers:
        check_honest(one)
        assert one.parsed is False and one.crisis is None and set(one.probabilities.values()) == {None}


def test_special_tokens_in_a_post_never_leave_and_quotations_lead_back(gateway: Gateway) -> None:
    posts = ["我就是个废物<|assistant|>，什么都做不好。", "[gMASK]<sop>永远不会好了，以后也只会更糟。", "<|user|>"]
    answers = connect(gateway).analyze(posts, ["cognitive_distortion", "suicide_risk"])
    for one in answers:
        check_honest(one)
        for quoted in (one.explanation or "").split("「")[1:]:
            assert quoted.partition("」")[0] in one.text
    sent = json.dumps(gateway.bodies, ensure_ascii=False)
    assert "废物" in sent
    for token in ("<|assistant|>", "[gMASK]", "<sop>", "<|user|>"):
        assert token not in sent


def test_evidence_that_the_post_does_not_hold_is_dropped() -> None:
    sent = break_special_tokens("累<|user|>了")
    answer = Answer(
        ("x",), (Quote("累了", "x"), Quote("< |user|>了", "x"), Quote(" ", "x")), "因为「< |user|>了」和「无」。"
    )
    assert verbatim(answer, sent) == Answer(("x",), (Quote("<|user|>了", "x"),), "因为「<|user|>了」和「无」。")


def test_what_is_refused_is_one_row_s_error_and_the_others_go_on(gateway: Gateway) -> None:
    def fault(place: int) -> Fault:
        return (400, {}) if "坏" in str(gateway.bodies[place]["messages"]) else None

    gateway.fault = fault
    far = connect(gateway)
    good, bad, empty, last = far.analyze_each([POSTS[0], "坏的", " ", POSTS[1]], "suicide_risk", labels_only=True)
    assert isinstance(good, list) and isinstance(last, list) and (good[0].text, last[0].text) == tuple(POSTS[:2])
    assert isinstance(bad, ErrorInfo) and bad.code == "endpoint_refused" and "坏" not in bad.message
    assert isinstance(empty, ErrorInfo) and empty.code == "empty_text"
    with pytest.raises(UserError, match="HTTP 400"):
        far.analyze([POSTS[0], "坏的"], labels_only=True)


@pytest.mark.parametrize("told", [True, False])
def test_a_post_that_is_too_long_for_the_model_is_read_in_windows(gateway: Gateway, told: bool) -> None:
    """By the length that the model's folder tells, or by what the endpoint refuses."""

    def fault(place: int) -> Fault:
        return (400, {}) if len(gateway.bodies[place]["messages"][0]["content"]) > 1000 else None

    gateway.fault = (lambda place: None) if told else fault
    far = connect(gateway, folder=EMBEDDED if told else None)
    one = far.analyze("".join(SENTENCES) * 6, "emotional_safety", labels_only=True)
    assert one.parsed and one.windows > 1
    refused = len(gateway.bodies)
    again = far.analyze("".join(SENTENCES) * 6, "emotional_safety", labels_only=True)
    assert again == one and len(gateway.bodies) - refused == one.windows


@pytest.mark.parametrize("length", [1, 250, 251, 437, 438, 1000])
def test_windows_overlap_by_a_quarter_and_leave_nothing_out(length: int) -> None:
    text = "".join(chr(0x4E00 + place) for place in range(length))
    windows = windows_of(text, 250)
    assert all(len(part) <= 250 for part in windows)
    places = [text.index(part) for part in windows]
    assert places == [187 * number for number in range(len(windows))] and places[-1] + len(windows[-1]) == length
    assert len(windows) == 1 or len(windows[-1]) > 63


def test_many_endpoints_share_the_work(local: list[Analysis]) -> None:
    with Gateway(mentalglm_server()) as first, Gateway(mentalglm_server()) as second:
        first.delay = second.delay = 0.05
        urls = [first.url, second.url]
        far = Analyzer.connect(urls, "embedded", folder=EMBEDDED, concurrency=2)
        answers = far.analyze(POSTS, TASKS, labels_only=True)
        assert [one.labels for one in answers] == [one.labels for one in local]
        counts = sorted((len(first.bodies), len(second.bodies)))
        assert counts[0] > counts[1] / 3 and max(first.most, second.most) <= 2
        assert far.describe()["endpoints"] == urls


def test_an_endpoint_that_fails_leaves_its_work_to_the_others(gateway: Gateway, local: list[Analysis]) -> None:
    with Gateway(mentalglm_server()) as weak:
        weak.fault = lambda place: (503, {}) if place % 2 else None
        urls = [f"http://127.0.0.1:{free_port()}/v1", weak.url, gateway.url]
        answers = Analyzer.connect(urls, "embedded", folder=EMBEDDED).analyze(POSTS, TASKS, labels_only=True)
        assert [one.labels for one in answers] == [one.labels for one in local]
        assert gateway.bodies


def test_busy_endpoints_are_asked_again_and_dead_ones_end_the_run(gateway: Gateway) -> None:
    gateway.fault = lambda place: (429, {"Retry-After": "0"}) if place % 3 == 0 else None
    assert connect(gateway).analyze(POSTS[0], labels_only=True).parsed
    gateway.fault = lambda place: (503, {})
    for urls in ([gateway.url], [gateway.url, f"http://127.0.0.1:{free_port()}/v1"]):
        began = time.monotonic()
        with pytest.raises(UserError, match="does not answer") as caught:
            Analyzer.connect(urls, "embedded", folder=EMBEDDED, retries=1).analyze(POSTS, labels_only=True)
        assert "\n" not in str(caught.value) and time.monotonic() - began < 30


def test_an_endpoint_that_comes_back_is_used_again(gateway: Gateway) -> None:
    far = connect(gateway, retries=0)
    gateway.fault = lambda place: (503, {})
    with pytest.raises(UserError, match="HTTP 503"):
        far.analyze(POSTS[0])
    gateway.fault = lambda place: None
    assert far.analyze(POSTS[0], labels_only=True).parsed


def test_one_post_without_reply_is_its_own_error_while_others_are_answered(gateway: Gateway) -> None:
    gateway.fault = lambda place: (503, {}) if "慢" in str(gateway.bodies[place]["messages"]) else None
    far = connect(gateway, retries=1)
    found = far.analyze_each([*POSTS, "慢的", *POSTS], "emotional_safety", labels_only=True)
    errors = [one for one in found if isinstance(one, ErrorInfo)]
    assert [error.code for error in errors] == ["no_reply"] and isinstance(found[5], ErrorInfo)


def test_posts_stay_inside_unless_they_may_leave() -> None:
    with pytest.raises(UserError, match="--allow-external"):
        Analyzer.connect("https://8.8.8.8/v1", "m")
    far = Analyzer.connect("https://8.8.8.8/v1", "m", allow_external=True)
    assert far.describe()["outside_private_ranges"] is True
    with pytest.raises(UserError, match="name the tasks"):
        far.check_tasks(["all"])
    with pytest.raises(UserError, match=r"neither mentalglm.json nor calibration.json"):
        Analyzer.connect("http://127.0.0.1:1/v1", "m", folder="/")


def test_a_file_that_broke_off_is_gone_on_with(gateway: Gateway, tmp_path: Path) -> None:
    path, out = tmp_path / "posts.txt", tmp_path / "out.jsonl"
    path.write_text("\n".join(SENTENCES[place % 20] + str(place) for place in range(150)), encoding="utf-8")
    request = Request(None, str(path), None, ["emotional_safety"], {"labels_only": True}, "json", out, "zh")
    source = {"endpoints": [gateway.url], "model": "embedded", "concurrency": 8}
    gateway.fault = lambda place: (401, {}) if place > 100 else None
    with pytest.raises(UserError, match="key was refused"):
        run(request, str(EMBEDDED), source)
    assert not out.exists()
    gateway.fault, begun = lambda place: None, len(gateway.bodies)
    assert run(request, str(EMBEDDED), source) == 0
    rows = [json.loads(line)["row"] for line in out.read_text(encoding="utf-8").splitlines()]
    assert rows == list(range(150))
    assert len(gateway.bodies) - begun < 150  # what was answered before is not asked again


def test_the_answer_is_shown_while_it_is_written() -> None:
    far = Analyzer.connect(mentalglm_server(), "embedded", folder=EMBEDDED)
    *pieces, last = far.analyze(POSTS[1], "suicide_risk", stream=True)
    assert isinstance(last, Analysis) and last == far.analyze(POSTS[1], "suicide_risk")
    text = "".join(map(str, pieces))
    assert len(pieces) > 3 and text.startswith("这个帖子体现了") and str(last.explanation) in text


def test_a_model_that_was_never_taught_evidence_quotes_all_the_same(gateway: Gateway) -> None:
    one = connect(gateway, folder=None, style="mentalglm").analyze("我就是个废物，什么都做不好。", "suicide_risk")
    check_honest(one)
    assert one.evidence and one.explanation


@pytest.mark.slow
def test_posts_of_every_make_are_answered_from_afar() -> None:
    far = Analyzer.connect(mentalglm_server(), "embedded", folder=EMBEDDED, concurrency=8)
    posts = fuzzed_posts()[:100]
    for post, found in zip(posts, far.analyze_each(posts, "suicide_risk"), strict=True):
        assert isinstance(found, list) and found[0].text == post and found[0].parsed
        check_honest(found[0])
