"""A report for a paper: what the runs know is filled in, the rest is a blank, and no third party is quoted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eval.folder import samples_hash
from eval.reporting.quotes import refuse_quotes
from eval.reporting.report import write_report
from eval.reporting.runs import read_runs
from mentalglm.errors import UserError
from tests.eval.commands import evaluate, refusal
from tests.eval.conftest import sample, write_run
from tests.eval.reporting.test_report import HIGH, LOW, RUN, Reader
from tests.needs import need_chromium

POST = "这是一条只该留在运行目录里的第三方帖子，别处不该出现"


def stored(folder: Path, license: str, text: str = POST) -> Path:
    lines = [{**line, "text": text, "explanation": None} for line in [sample([HIGH], [LOW]), sample([LOW], [LOW])] * 3]
    made = write_run(folder, "suicide_risk", lines, licenses=[license])
    manifest = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    manifest["options"]["store_text"] = True
    (made / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return made


def paper(tmp_path: Path, *folders: Path, **options: Any) -> tuple[str, str]:
    page = write_report(list(folders), tmp_path / "p.html", for_paper=True, tables=tmp_path / "t", **options)
    return page.read_text(encoding="utf-8"), (tmp_path / "t" / "paper.md").read_text(encoding="utf-8")


def test_filled_from_the_runs_and_blank_elsewhere(tmp_path: Path) -> None:
    lines = [{**line, "length": 10 + i, "language": "zh"} for i, line in enumerate(RUN)]
    folder = write_run(tmp_path / "a", "suicide_risk", lines)
    html, markdown = paper(tmp_path, folder)
    assert not Reader(html).open
    for words in ("数据声明", "Data statement", "标注者", "Annotators", "可重复性清单", "Reproducibility checklist"):
        assert words in html
    said = ["0" * 64, samples_hash(folder), "12 posts, 12 groups", "15.5, 10–21", "中文 100%", "python 3.11"]
    said += ["高自杀风险: 4; 低自杀风险: 8", "1000 draws of whole groups", "python -m eval run --task suicide_risk"]
    for fact in said:
        assert fact in html, fact
    blanks = html.count('class="blank"')
    assert blanks == html.count("☐") == markdown.count("- [ ]") == markdown.count("____") > 15
    assert html.count("☑") == markdown.count("- [x]") > 15
    assert "Ethics review" in markdown and "  - CC-BY-4.0" in markdown


def test_what_all_runs_share_is_said_once_and_tests_are_told(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / name, "suicide_risk", RUN, name) for name in ("a", "b")]
    _, markdown = paper(tmp_path, *folders)
    assert markdown.count("python 3.11") == 1 and re.search(r"  - a: name a\n  - b: name b\n", markdown)
    assert "Holm over 2 tests" in markdown
    _, alone = paper(tmp_path, folders[0])
    assert "- [ ] **Significance tests**: ____" in alone


def test_rows_that_differ_are_told_of_every_run(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / name, "suicide_risk", RUN[:n], name) for name, n in (("a", 12), ("b", 12), ("c", 6))
    ]
    _, markdown = paper(tmp_path, *folders)
    assert "  - Suicide risk, a: 12 posts, 12 groups\n  - Suicide risk, c: 6 posts, 6 groups\n" in markdown


def test_chinese_sections(tmp_path: Path) -> None:
    _, markdown = paper(tmp_path, write_run(tmp_path / "a", "suicide_risk", RUN), lang="zh")
    assert markdown.startswith("## 数据声明") and "**许可**" in markdown


def test_without_the_option_nothing_of_it_is_there(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "suicide_risk", RUN)
    html = write_report([folder], tmp_path / "r.html", tables=tmp_path / "t").read_text(encoding="utf-8")
    assert "数据声明" not in html and not (tmp_path / "t" / "paper.md").exists()


def test_third_party_posts_are_refused(tmp_path: Path) -> None:
    folder = stored(tmp_path / "a", "unknown")
    said = refusal("report", folder, "--for-paper", "--show-posts")
    assert "suicide_risk" in said and "unknown" in said and "leave --show-posts out" in said and POST not in said
    assert not (folder / "report.html").exists()
    html, _ = paper(tmp_path, folder)
    assert POST not in html
    assert POST in write_report([folder], tmp_path / "r.html", show_posts=True).read_text(encoding="utf-8")


def test_openly_licensed_posts_may_be_shown(tmp_path: Path) -> None:
    folder = stored(tmp_path / "a", "CC-BY-4.0")
    evaluate("report", folder, "--for-paper", "--show-posts", "--out", tmp_path / "p.html")
    assert POST in (tmp_path / "p.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "refused"),
    [
        (f"<p>{POST}</p>", True),
        (f"<p>开头 {POST[3:17]} 结尾</p>", True),
        (f"<b>{POST[:6]}</b>{POST[6:20]}", True),
        (f"<style>{POST}</style>", False),
        (f"<p>{POST[:8]}</p>", False),
    ],
)
def test_a_page_that_quotes_is_refused_without_quoting(tmp_path: Path, page: str, refused: bool) -> None:
    runs = read_runs([stored(tmp_path / "a", "unknown")])
    if refused:
        with pytest.raises(UserError, match=r"third-party post of .* \(row 0\)") as error:
            refuse_quotes(page, runs)
        assert POST[3:15] not in str(error.value)
    else:
        refuse_quotes(page, runs)
    refuse_quotes(page, read_runs([stored(tmp_path / "b", "CC-BY-4.0")]))


@pytest.mark.slow
def test_blanks_can_be_written_on_offline_in_light_and_dark(tmp_path: Path) -> None:
    chromium = need_chromium()
    from playwright.sync_api import sync_playwright

    folders = [write_run(tmp_path / name, "suicide_risk", RUN, name) for name in ("a", "b")]
    page_file = write_report(folders, tmp_path / "p.html", for_paper=True)
    grounds = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme, width in (("light", 1100), ("dark", 390)):
            options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
            page = browser.new_context(offline=True, **options).new_page()
            trouble: list[str] = []
            page.on("requestfailed", lambda request, seen=trouble: seen.append(request.url))
            page.on("console", lambda message, seen=trouble: seen.append(message.text))
            page.goto(page_file.as_uri())
            page.locator(".blank").first.click()
            page.keyboard.type("board 12")
            assert page.locator(".blank").first.inner_text() == "board 12"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            fill = page.evaluate("getComputedStyle(document.querySelector('svg circle')).fill")
            assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", fill) and trouble == []
        browser.close()
    assert grounds[0] != grounds[1]
