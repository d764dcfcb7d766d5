"""The report of several tasks and runs: one overview, then each task; posts only where they may be shown."""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.reporting.report import write_report
from tests.eval.commands import evaluate
from tests.eval.conftest import sample, write_run
from tests.eval.published_files import downstream
from tests.eval.reporting.test_report import HIGH, LOW, Reader
from tests.needs import need_chromium

SECRET = "这一句只在帖子里"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    data = downstream(folder / "data")
    for model in ("tfidf", "majority"):
        evaluate("run", "downstream", "--data", data, "--model", model, "--out", folder / model)
    return folder / "tfidf", folder / "majority"


def test_an_overview_then_every_task_in_order(runs: tuple[Path, Path], tmp_path: Path) -> None:
    html = write_report([*runs], tmp_path / "report.html").read_text(encoding="utf-8")
    page = Reader(html)
    assert not page.open and page.links == ["#suicide_risk", "#cognitive_distortion"]
    places = [html.index(words) for words in ("全部任务", 'id="suicide_risk"', 'id="cognitive_distortion"', "怎样读")]
    assert places == sorted(places)
    table = html[places[0] : places[1]]
    for model in ("tfidf", "majority"):
        scores = json.loads((runs[0].parent / model / "scores.json").read_text(encoding="utf-8"))["tasks"]
        score = scores["cognitive_distortion"]["metrics"]["micro_f1"]
        assert f"<b>{score['value']:.3f}</b>" in table and f"{score['low']:.3f}–{score['high']:.3f}" in table
    assert table.count("可解析率") == 2  # beside the scores of every task
    assert "tfidf, majority: <code>cognitive_pathway</code>" in table and "数据文件不在" in table


def test_the_same_runs_give_the_same_page(runs: tuple[Path, Path], tmp_path: Path) -> None:
    pages = [write_report([*runs], tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]
    assert write_report([*runs[::-1]], tmp_path / "c.html").read_bytes() != pages[0]


def test_a_task_of_a_suite_beside_the_same_task_alone(runs: tuple[Path, Path], tmp_path: Path) -> None:
    alone = write_run(tmp_path / "alone", "suicide_risk", [sample([HIGH], [HIGH]), sample([LOW], [LOW])] * 3, "other")
    html = write_report([runs[0], alone], tmp_path / "report.html").read_text(encoding="utf-8")
    assert not Reader(html).open and "did not answer the same rows" in html
    overview = html[html.index("全部任务") : html.index('id="suicide_risk"')]
    assert overview.count(">other</th>") == 1 and "<td></td>" in overview  # it has no distortions


def wrong(text: str, **more: Any) -> dict[str, Any]:
    return sample([HIGH], [LOW], text=text, explanation="因为。", gold_explanation=None, **more)


@pytest.mark.parametrize(
    ("license", "stored", "asked", "shown"),
    [
        ("CC-BY-4.0", True, False, True),
        ("CC-BY-4.0", False, True, False),
        ("unknown", True, False, False),
        ("unknown", True, True, True),
    ],
)
def test_posts_are_shown_only_where_they_may_be(
    tmp_path: Path, license: str, stored: bool, asked: bool, shown: bool
) -> None:
    rows = [sample([HIGH], [HIGH]), wrong(SECRET), sample([LOW], [LOW])]
    folder = write_run(tmp_path / "run", "suicide_risk", rows, licenses=[license])
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    told["options"]["store_text"] = stored
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    html = write_report([folder], tmp_path / "report.html", show_posts=asked).read_text(encoding="utf-8")
    assert (SECRET in html) == shown and ("答错的例子" in html) == shown


def test_one_post_without_a_licence_hides_them_all(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", "suicide_risk", [wrong(SECRET)] * 2, licenses=["CC-BY-4.0", "unknown"])
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    told["options"]["store_text"] = True
    (folder / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    assert SECRET not in write_report([folder], tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_open_suite_shows_errors_and_may(tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate("run", "open", "--model", "majority", "--limit", 30, "--out", out)
    html = (out / "report.html").read_text(encoding="utf-8")
    assert not Reader(html).open and html.count("答错的例子") == 6


@pytest.mark.slow
@pytest.mark.parametrize("width", [1100, 390])
def test_a_browser_without_a_network_misses_nothing(runs: tuple[Path, Path], tmp_path: Path, width: int) -> None:
    chromium = need_chromium()
    from playwright.sync_api import sync_playwright

    page_file = write_report([*runs], tmp_path / "report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(offline=True, viewport={"width": width, "height": 800}).new_page()
        wanted: list[str] = []
        trouble: list[str] = []
        page.on("request", lambda request: wanted.append(request.url))
        page.on("requestfailed", lambda request: trouble.append(request.url))
        page.on("console", lambda message: trouble.append(message.text))
        page.goto(page_file.as_uri())
        assert page.locator("h2:visible").first.inner_text() == "全部任务"
        page.click("label[for=lang-en]")
        assert page.locator("h2:visible").first.inner_text() == "All tasks"
        assert page.locator(".zh:visible").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("svg:visible").count() >= 8
        assert page.screenshot(full_page=True)[:4] == b"\x89PNG"
        assert wanted == [page_file.as_uri()] and trouble == []
        browser.close()
