"""The demo as people meet it: a real server, a real browser, the embedded model."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.needs import need_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[2]
POST = "青色陀螺。今天汇报出了错，同事们肯定都在背后笑我。这辈子就这样了，我就是个没用的人。"
SECRET = "青色陀螺"
NASTY = (
    '<script>window.hacked=1</script><img src="x" onerror="window.hacked=1">${window.hacked=1}{{value}} **今天开心**'
)
WAIT = 120_000
pytestmark = pytest.mark.slow

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Served:
    """A running demo: where it answers, what it has printed, and the folder where Gradio may leave files."""

    address: str
    output: Path
    files: Path


@dataclass
class Visit:
    """One open page, and every address it has asked for."""

    page: "Page"
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``python -m demo`` on a free loopback port."""
    need_chromium()
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Served(f"http://127.0.0.1:{port}", folder / "output.txt", folder / "files")
    place.files.mkdir()
    environment = os.environ | {"GRADIO_TEMP_DIR": str(place.files), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "demo", "--port", str(port)]
    with place.output.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + WAIT / 1000
        while place.address not in place.output.read_text(encoding="utf-8"):
            assert process.poll() is None and time.monotonic() < end, f"did not start: {place.output.read_text()}"
            time.sleep(0.1)
        yield place
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """One headless Chromium for all visits."""
    path = need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=[1280, 390], ids=["desktop", "phone"])
def visit(request: pytest.FixtureRequest, served: Served, chromium: "Browser") -> Iterator[Visit]:
    """The page, open; whatever a test does on it, no request may leave this machine."""
    context = chromium.new_context(viewport={"width": request.param, "height": 844})
    visit = Visit(context.new_page())
    context.on("request", lambda asked: visit.asked.append(asked.url))
    visit.page.set_default_timeout(WAIT)
    visit.page.goto(served.address)
    visit.page.wait_for_selector("#analyse")
    yield visit
    hosts = {urlsplit(url).hostname for url in visit.asked if urlsplit(url).scheme not in ("data", "blob")}
    context.close()
    assert hosts == {"127.0.0.1"}


def analyse(page: "Page", post: str) -> "Locator":
    """Types the post, presses the button, and waits for the results that show."""
    page.locator("#post textarea").fill(post)
    page.locator("#analyse").click()
    page.wait_for_selector(".in-zh .card, .in-zh .error")
    return page.locator("#results .in-zh")


def test_a_post_gets_labels_probabilities_evidence_and_an_explanation(visit: Visit, served: Served) -> None:
    results = analyse(visit.page, POST)
    assert results.locator(".card").count() == 6
    risk = results.locator('.card[data-task="suicide_risk"]')
    assert re.search("(高|低)自杀风险", risk.inner_text())
    assert re.search(r"\d+%", risk.locator(".decided .p").inner_text())
    marks = results.locator("mark").all_inner_texts()
    assert marks and all(mark in POST for mark in marks)
    assert any(text.strip() for text in results.locator(".explanation").all_inner_texts())
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "scrolls sideways"

    assert SECRET not in served.output.read_text(encoding="utf-8")
    written = [path for path in served.files.rglob("*") if path.is_file()]
    assert not [path for path in written if SECRET.encode() in path.read_bytes()]
    assert visit.page.evaluate("indexedDB.databases()") == [], "Gradio can keep past runs in the browser"
    assert SECRET not in visit.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")


def test_what_is_typed_executes_nothing(visit: Visit) -> None:
    results = analyse(visit.page, NASTY)
    assert results.locator(".card").count() == 6
    assert results.locator("script, img").count() == 0
    assert visit.page.evaluate("window.hacked") is None
    assert visit.page.locator("#post textarea").input_value() == NASTY


def test_mistakes_get_one_friendly_line(visit: Visit) -> None:
    assert analyse(visit.page, "   ").locator(".error").inner_text().startswith("还没有文字")
    visit.page.locator("#post textarea").fill("好" * 5001)
    visit.page.locator("#analyse").click()
    visit.page.get_by_text("有 5001 个字符").wait_for()


def test_the_language_switch_keeps_the_post_and_its_results(visit: Visit) -> None:
    analyse(visit.page, POST)
    visit.page.get_by_text("English", exact=True).click()
    visit.page.get_by_role("button", name="Analyse", exact=True).wait_for()
    assert visit.page.locator("#results .in-en .card").first.is_visible()
    assert not visit.page.locator("#results .in-zh .card").first.is_visible()
    assert visit.page.locator("#results .in-en h2", has_text="Suicide risk").first.is_visible()
    assert visit.page.locator("#post textarea").input_value() == POST
    assert visit.page.locator("html").get_attribute("lang") == "en"


def test_examples_fill_the_box_without_asking_the_server(visit: Visit) -> None:
    before = len(visit.asked)
    visit.page.get_by_role("button", name="夸张说法").click()
    visit.page.wait_for_function("document.querySelector('#post textarea').value.startsWith('笑死我了')")
    assert not [url for url in visit.asked[before:] if "/queue/" in url]


def test_the_api_names_no_endpoint(visit: Visit, served: Served) -> None:
    answer = visit.page.request.get(f"{served.address}/gradio_api/info").json()
    assert answer["named_endpoints"] == {} and answer["unnamed_endpoints"] == {}
