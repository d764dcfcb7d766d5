"""``POST /v1/analyze`` and the small routes, over the wire."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mentalglm.analyzer import Analyzer
from mentalglm.hotlines import crisis_notice, disclaimer
from mentalglm.tasks import load_task
from tests.mentalglm.server.conftest import Served
from tests.tiny import SENTENCES, TASKS


def post(served: Served, **body: Any) -> dict[str, Any]:
    with served.http() as client:
        response = client.post("/v1/analyze", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def error(served: Served, status: int, **body: Any) -> dict[str, Any]:
    with served.http() as client:
        response = client.post("/v1/analyze", json=body)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error"}
    return dict(response.json()["error"])


def same(given: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Equal but for the last digits of probabilities."""
    ours, theirs = dict(given), dict(expected)
    assert ours.pop("probabilities") == pytest.approx(theirs.pop("probabilities"), abs=2e-5)
    return ours == theirs


@pytest.fixture(scope="module")
def analyzer(model_folder: Path) -> Analyzer:
    """The same model, in this process."""
    return Analyzer.load(str(model_folder), device="cpu")


def test_one_post_gets_what_the_library_says(served: Served, analyzer: Analyzer) -> None:
    answer = post(served, posts=SENTENCES[0])
    assert [one.pop("row") for one in answer["results"]] == [0] * len(TASKS)
    expected = [one.model_dump() for one in analyzer.analyze(SENTENCES[0], "all")]
    assert all(map(same, answer["results"], expected))
    assert answer["disclaimer"] == disclaimer("zh")


def test_many_posts_come_by_row_and_then_by_task(served: Served) -> None:
    tasks = ["emotional_safety", "suicide_level"]
    answer = post(served, posts=list(SENTENCES[:3]), task=tasks, labels_only=True, lang="en")
    assert [(one["row"], one["task"]) for one in answer["results"]] == [(r, t) for r in range(3) for t in tasks]
    assert all(one["evidence"] == [] and one["explanation"] is None for one in answer["results"])
    assert answer["disclaimer"] == disclaimer("en")


def test_thirty_two_clients_are_answered_together_and_as_if_alone(served: Served, analyzer: Analyzer) -> None:
    batches = served.metric("mentalglm_batch_posts_count")
    posts = served.metric("mentalglm_batch_posts_sum")
    texts = [SENTENCES[k % len(SENTENCES)] for k in range(64)]
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(lambda text: post(served, posts=text, task="suicide_risk"), texts))
    expected = {text: analyzer.analyze(text, "suicide_risk").model_dump() for text in SENTENCES}
    for text, answer in zip(texts, answers, strict=True):
        (one,) = answer["results"]
        del one["row"]
        assert same(one, expected[text])
    done = served.metric("mentalglm_batch_posts_sum") - posts
    assert done == 64
    assert done / (served.metric("mentalglm_batch_posts_count") - batches) > 8
    assert served.settles()


def test_requests_of_different_kinds_do_not_mix(served: Served, analyzer: Analyzer) -> None:
    kinds: list[dict[str, Any]] = [{"task": name, "labels_only": bare} for name in TASKS for bare in (True, False)]
    kinds += [{"task": TASKS[0], "faithfulness": True}, {"task": TASKS[0], "max_explanation_characters": 5}]
    expected = [analyzer.analyze(SENTENCES[1], **kind).model_dump() for kind in kinds]
    with ThreadPoolExecutor(24) as clients:
        answers = list(clients.map(lambda kind: post(served, posts=SENTENCES[1], **kind), kinds * 2))
    for answer, one in zip(answers, expected * 2, strict=True):
        (given,) = answer["results"]
        del given["row"]
        assert same(given, one)


def test_a_post_that_cannot_be_analysed_is_its_own_rows_error(served: Served) -> None:
    with served.http() as client:
        body = r'{"posts": ["今天", "", "  ", "\ud800", null, 7, "明天"], "task": "suicide_risk", "labels_only": true}'
        response = client.post("/v1/analyze", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    codes = [one.get("error", {}).get("code") for one in response.json()["results"]]
    assert codes == [None, "empty_text", "empty_text", "invalid_text", "invalid_text", "invalid_text", None]


def test_no_post_no_answer(served: Served) -> None:
    assert post(served, posts=[])["results"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"posts": ""}, "empty_text"),
        ({"posts": None}, "invalid_text"),
        ({"posts": "今天", "task": "astrology"}, "unknown_task"),
        ({"posts": "今天", "task": "stress"}, "untaught"),
        ({"posts": "今天", "task": []}, "unknown_task"),
        ({"posts": "今天", "lang": "fr"}, "invalid_request"),
        ({"posts": "今天", "tasks": "suicide_risk"}, "invalid_request"),
        ({"text": "今天"}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(served: Served, body: dict[str, Any], code: str) -> None:
    told = error(served, 400, **body)
    assert told["code"] == code and told["type"] == "invalid_request_error" and len(told["message"]) > 10


def test_an_unknown_key_is_named_and_a_value_never(served: Served) -> None:
    assert "tasks" in error(served, 400, posts="今天", tasks="all")["message"]
    secret = "这句话不许出现在错误信息里"
    assert secret not in str(error(served, 400, posts=secret, labels_only=secret))


def test_the_hotlines_come_with_what_is_grave(narrow: Served) -> None:
    answer = post(narrow, posts=["今天", "明天"], task="suicide_risk", labels_only=True)
    assert answer["notice"] == crisis_notice("urgent", "zh")
    assert all(one["crisis"] == "urgent" for one in answer["results"])


def test_tasks_models_and_health(served: Served, model_folder: Path) -> None:
    with served.http() as client:
        tasks = client.get("/v1/tasks").json()["tasks"]
        models = client.get("/v1/models").json()["data"]
        assert client.get("/healthz").json() == {"status": "ok"}
        assert "docs" not in client.get("/openapi.json").text.lower() or client.get("/docs").status_code == 404
    assert {task["name"] for task in tasks} == set(TASKS)
    risk = next(task for task in tasks if task["name"] == "suicide_risk")
    assert [label["name"] for label in risk["labels"]] == load_task("suicide_risk").label_names
    assert "styles" not in risk
    assert [model["id"] for model in models] == [str(model_folder)]


def test_metrics_are_prometheus_text(served: Served) -> None:
    post(served, posts=SENTENCES[0], task="suicide_level", labels_only=True)
    before = served.metric('mentalglm_requests_total{path="/v1/analyze",method="POST",status="200"}')
    analysed = served.metric('mentalglm_analyses_total{task="suicide_level"}')
    post(served, posts=list(SENTENCES[:5]), task="suicide_level", labels_only=True)
    assert served.metric('mentalglm_requests_total{path="/v1/analyze",method="POST",status="200"}') == before + 1
    assert served.metric('mentalglm_analyses_total{task="suicide_level"}') == analysed + 5
    with served.http() as client:
        response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in response.text.splitlines():
        name, _, value = line.rpartition(" ")
        assert line.startswith("# ") or (name.startswith("mentalglm_") and float(value) >= 0)
    count = served.metric('mentalglm_request_seconds_count{path="/v1/analyze"}')
    assert served.metric('mentalglm_request_seconds_bucket{path="/v1/analyze",le="+Inf"}') == count
