"""The ``mentalglm`` command as a sceptical user types it: with a real, tiny model, and with every slip one can make."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mentalglm.analyzer import Analyzer
from mentalglm.cli import app
from mentalglm.hotlines import disclaimer, load_hotlines
from mentalglm.tasks import load_task, task_names
from tests.tiny import SENTENCES, TASKS

ROOT = Path(__file__).parents[2]
FAST = ["--task", "suicide_risk,suicide_level", "--labels-only"]
NUMBERS = [hotline.number for hotline in load_hotlines()]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def mentalglm(*arguments: str | Path, stdin: bytes | str = b"") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


@pytest.fixture
def ask(model_folder: Path) -> Callable[..., Result]:
    """``mentalglm analyze`` with the tiny model; what must hold of every run is checked here."""

    def run(*arguments: str | Path, stdin: bytes | str = b"", model: Path = model_folder) -> Result:
        result = mentalglm("analyze", *arguments, "--model", model, "--device", "cpu", stdin=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        assert not list(Path().rglob("*.partial"))
        return result

    return run


def refusal(result: Result) -> str:
    """The one line a user's mistake becomes."""
    assert result.exit_code == 2 and result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and result.stderr.rstrip().endswith(lines[0])
    return lines[0]


def objects(result: Result) -> list[dict[str, Any]]:
    """Every line of stdout, each of which must be a JSON object."""
    assert result.stdout.endswith("\n") or not result.stdout
    return [json.loads(line) for line in result.stdout.splitlines()]


def write(name: str, content: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# One post.


def test_a_post_is_answered_for_people(ask: Callable[..., Result]) -> None:
    result = ask(SENTENCES[0])
    assert result.exit_code == 0
    for name in TASKS:
        assert load_task(name).title.zh in result.stdout
    assert SENTENCES[0] in result.stdout and "依据" in result.stdout and disclaimer("zh") in result.stdout
    english = ask(SENTENCES[0], *FAST, "--lang", "en")
    assert disclaimer("en") in english.stdout and "Suicide risk" in english.stdout


def test_a_crisis_shows_whom_to_call_and_its_absence_does_not(
    ask: Callable[..., Result], model_that_says: Callable[..., Path]
) -> None:
    grave = model_that_says("高自杀风险")
    for arguments in ([], ["--lang", "en"]):
        result = ask("累", "--task", "suicide_risk", "--labels-only", *arguments, model=grave)
        assert all(number in result.stdout for number in NUMBERS)
        assert result.stdout.index("120") < result.stdout.index("12356")
    # Programs read stdout; people read the notice on stderr.
    for form in ("json", "csv"):
        result = ask("累", "--task", "suicide_risk", "--labels-only", "--format", form, model=grave)
        assert all(number in result.stderr for number in NUMBERS) and "12356" not in result.stdout
    calm = ask("累", "--task", "emotional_safety", "--labels-only")
    assert "12356" not in calm.output
    wish = ask("累", "--task", "risk_category", "--labels-only", model=model_that_says("自杀与自伤"))
    assert wish.stdout.index("12356") < wish.stdout.index("120（")


def test_a_batch_shows_the_notice_once(ask: Callable[..., Result], model_that_says: Callable[..., Path]) -> None:
    path = write("posts.txt", "累\n" * 5)
    result = ask("--file", path, "--task", "suicide_risk", "--labels-only", model=model_that_says("高自杀风险"))
    assert result.stdout.count("12356") == 1 and result.stdout.count(disclaimer("zh")) == 1


def test_json_of_one_post_has_no_row(ask: Callable[..., Result]) -> None:
    found = objects(ask("累\n了", *FAST, "--format", "json"))
    assert [one["task"] for one in found] == ["suicide_risk", "suicide_level"]
    assert all("row" not in one and one["text"] == "累\n了" for one in found)


def test_tasks_may_be_written_with_spaces(ask: Callable[..., Result]) -> None:
    found = objects(ask("累", "--labels-only", "--format", "json", "--task", " suicide_level , suicide_risk,"))
    assert [one["task"] for one in found] == ["suicide_level", "suicide_risk"]


# Slips.


def test_an_unknown_task_is_answered_with_the_known_ones(ask: Callable[..., Result]) -> None:
    line = refusal(ask("累", "--task", "suicide_risk,mood"))
    assert "unknown task 'mood'" in line and all(name in line for name in task_names())


def test_an_untaught_task_is_answered_with_those_taught(ask: Callable[..., Result]) -> None:
    line = refusal(ask("累", "--task", "therapy_request"))
    assert "was not taught 'therapy_request'" in line and all(name in line for name in TASKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either a post or --file"),
        (["累", "--file", "x.txt"], "give either a post or --file"),
        ([""], "the text is empty"),
        (["  \n\t　"], "the text is empty"),
        (["\udcff"], "half a surrogate pair"),
        (["累", "--format", "xml"], "--format 'xml' is not known; use text, json, csv, xlsx"),
        (["累", "--lang", "de"], "--lang 'de' is not known; use zh or en"),
        (["累", "--dtype", "int3"], "dtype 'int3' is not known"),
        (["累", "--task", ""], "no task was named"),
        (["--file", "absent.txt"], "absent.txt not found"),
        (["--file", "."], "is a folder"),
    ],
)
def test_a_slip_is_one_line_and_exit_code_2(ask: Callable[..., Result], arguments: list[str], message: str) -> None:
    assert message in refusal(ask(*arguments))


def test_a_missing_model_is_named() -> None:
    result = mentalglm("analyze", "累", "--model", "./nowhere")
    assert "'./nowhere' not found" in refusal(result)


def test_a_missing_column_is_answered_with_those_there(ask: Callable[..., Result]) -> None:
    path = write("posts.csv", "id,内容\n1,累\n")
    assert "no column 'text'; columns found: id, 内容" in refusal(ask("--file", path))
    assert "no column 'post'; columns found: id, 内容" in refusal(ask("--file", path, "--column", "post"))
    assert objects(ask("--file", path, "--column", "内容", *FAST, "--format", "json"))[0]["text"] == "累"


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)), b"PK\x03\x04" + b"\0" * 40, b"\x00\x01\xff", b"%PDF-1.7\n"]
)
def test_a_binary_file_is_refused(ask: Callable[..., Result], content: bytes) -> None:
    for name in ("posts.txt", "posts.csv", "posts.jsonl"):
        refusal(ask("--file", write(name, content)))


def test_a_slip_is_found_before_the_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mentalglm.analyzer.load_model", lambda *_: pytest.fail("the model was loaded"))
    for arguments in (["累", "--task", "mood"], ["--file", "absent.txt"], [" "], ["累", "--format", "xml"]):
        refusal(mentalglm("analyze", *arguments))


# Files.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_the_encodings_people_use_are_read(ask: Callable[..., Result], encoding: str) -> None:
    posts = list(SENTENCES[:5])
    path = write("posts.txt", "\r\n".join(posts).encode(encoding))
    found = objects(ask("--file", path, "--task", "suicide_risk", "--labels-only", "--format", "json"))
    assert [one["text"] for one in found] == posts


def test_every_row_has_its_lines_in_order_and_a_bad_row_is_an_error_among_good_ones(ask: Callable[..., Result]) -> None:
    path = write("posts.txt", "累\n\n  \n困\n")
    result = ask("--file", path, *FAST, "--format", "json")
    assert result.exit_code == 1
    found = objects(result)
    assert [(one["row"], one["task"], "error" in one) for one in found] == [
        (row, task, row in (1, 2)) for row in range(4) for task in ("suicide_risk", "suicide_level")
    ]
    assert {one["error"]["code"] for one in found if "error" in one} == {"empty_text"}
    assert [one["text"] for one in found if "text" in one] == ["累", "累", "困", "困"]


def test_bad_rows_of_jsonl_keep_their_numbers(ask: Callable[..., Result]) -> None:
    rows = [
        '{"text": "累"}',
        "not json",
        '{"post": "困"}',
        '{"text": 7}',
        '{"text": "\\ud800"}',
        '{"text": "乏", "x": 1}',
    ]
    result = ask("--file", write("posts.jsonl", "\n".join(rows)), *FAST, "--format", "json")
    assert result.exit_code == 1
    expected = [(row, 0 < row < 5) for row in range(6) for _ in range(2)]
    assert [(one["row"], "error" in one) for one in objects(result)] == expected


def test_more_rows_than_are_read_at_once_come_in_order(ask: Callable[..., Result]) -> None:
    posts = [f"{SENTENCES[k % 20]}{k}" if k % 50 != 49 else "" for k in range(150)]
    path = write("posts.txt", "".join(post + "\n" for post in posts))
    result = ask("--file", path, "--task", "emotional_safety", "--labels-only", "--format", "json")
    found = objects(result)
    assert [one["row"] for one in found] == list(range(150))
    assert [one.get("text", "") for one in found] == posts


def test_a_workbook_is_read(ask: Callable[..., Result]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (["id", "text"], [1, "累"], [2, None], [3, 666]):
        book.active.append(row)
    book.save("posts.xlsx")
    result = ask("--file", "posts.xlsx", "--task", "suicide_risk", "--labels-only", "--format", "json")
    assert result.exit_code == 1
    assert [one.get("text") for one in objects(result)] == ["累", None, "666"]


def test_a_file_without_rows_is_named(ask: Callable[..., Result]) -> None:
    for name, content in (("posts.txt", ""), ("posts.csv", "text\n"), ("posts.jsonl", "\n\n")):
        assert f"{name} holds no rows" in refusal(ask("--file", write(name, content), *FAST, "--format", "json"))


@pytest.mark.parametrize("content", ["累\n困\n", '{"text": "累"}\n{"text": "困"}\n'])
def test_standard_input_is_read(ask: Callable[..., Result], content: str) -> None:
    found = objects(ask("--file", "-", "--task", "suicide_risk", "--labels-only", "--format", "json", stdin=content))
    assert [(one["row"], one["text"]) for one in found] == [(0, "累"), (1, "困")]
    chinese = ask("--file", "-", *FAST, "--format", "json", stdin="今天很累，什么都不想做".encode("gb18030"))
    assert objects(chinese)[0]["text"] == "今天很累，什么都不想做"


# What comes out.


def test_json_lines_stay_lines_whatever_a_post_holds(ask: Callable[..., Result]) -> None:
    posts = ["a\u2028b\u2029c\u0085d", "a\nb\r\nc\rd", "\x00\x1b[31m\x0b\x0c\x1c", '"\\"', "\u202e\u200b👨\u200d👩"]
    path = write("posts.jsonl", "".join(json.dumps({"text": post}) + "\n" for post in posts))
    result = ask("--file", path, "--task", "suicide_risk", "--format", "json", "--labels-only")
    assert [one["text"] for one in objects(result)] == posts
    assert not set("\u2028\u2029\u0085\r\x0b\x0c\x1c\x00\x1b") & set(result.stdout)


def test_a_table_opens_in_a_spreadsheet_and_holds_no_formula(ask: Callable[..., Result]) -> None:
    posts = ['=HYPERLINK("http://x")', "+1", "-1+1", "@x", "＝1", "a,b", 'say "x"', "两行\n一格"]
    path = write("posts.jsonl", "".join(json.dumps({"text": post}) + "\n" for post in [*posts, " "]))
    result = ask("--file", path, "--task", "suicide_risk,suicide_level", "--format", "csv", "--out", "out.csv")
    assert result.exit_code == 1 and result.stdout == ""
    data = Path("out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and b"\r\r\n" not in data
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [row["text"].removeprefix("'") for row in rows[:-2:2]] == posts
    assert all(not cell.startswith(tuple("=+-@＝＋－＠")) for row in rows for cell in row.values())
    assert [row["row"] for row in rows] == [str(k) for k in range(9) for _ in range(2)]
    assert rows[-1]["error"].startswith("the text is empty")
    plain = ask("--file", path, "--task", "suicide_risk", "--labels-only", "--format", "csv")
    assert not plain.stdout.startswith("\ufeff") and len(list(csv.reader(io.StringIO(plain.stdout)))) == 10


def test_out_is_written_whole(ask: Callable[..., Result]) -> None:
    path = write("posts.txt", "累\n困\n")
    on_screen = ask("--file", path, *FAST, "--format", "json")
    Path("out.jsonl").write_text("what was there before", encoding="utf-8")
    to_file = ask("--file", path, *FAST, "--format", "json", "--out", "out.jsonl")
    assert to_file.stdout == "" and Path("out.jsonl").read_bytes().decode() == on_screen.stdout
    text = ask("--file", path, *FAST, "--out", "out.txt")
    assert text.stdout == "" and "第 1 行" in Path("out.txt").read_text(encoding="utf-8")


def test_a_run_that_is_stopped_leaves_out_as_it_was_and_what_it_had_done_beside_it(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, calls = Analyzer.analyze_each, []

    def answer_until_stopped(self: Analyzer, *arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return answer(self, *arguments, **more)

    monkeypatch.setattr(Analyzer, "analyze_each", answer_until_stopped)
    write("out.jsonl", "what was there before")
    path = write("posts.txt", (SENTENCES[0] + "\n") * 200)
    result = mentalglm(
        *("analyze", "--file", path, "--model", model_folder, "--task", "emotional_safety", "--labels-only"),
        *("--format", "json", "--out", "out.jsonl"),
    )
    assert result.exit_code not in (0, 1, 2) or "Aborted" in result.stderr
    assert Path("out.jsonl").read_text(encoding="utf-8") == "what was there before"
    assert "out.jsonl.partial" in result.stderr.replace("\n", "") and SENTENCES[0] not in result.output
    done = Path("out.jsonl.partial").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["row"] for line in done] == list(range(len(done))) and 0 < len(done) < 200


def test_a_damaged_line_far_into_a_file_is_an_error_of_its_row(ask: Callable[..., Result]) -> None:
    path = write("posts.txt", (SENTENCES[0] + "\n").encode() * 1500 + b"\xff\xfe\xff\n" + "累\n".encode())
    result = ask("--file", path, "--task", "emotional_safety", "--labels-only", "--format", "json")
    assert result.exit_code == 1
    assert [one["row"] for one in objects(result) if "error" in one] == [1500]


@pytest.mark.parametrize("out", [".", "absent/out.json", "posts.txt/out.json"])
def test_an_out_that_cannot_be_is_one_line(ask: Callable[..., Result], out: str) -> None:
    write("posts.txt", "累\n")
    assert f"--out {out}" in refusal(ask("累", *FAST, "--out", out))


def test_a_post_is_nowhere_but_in_the_result(ask: Callable[..., Result], tmp_path: Path) -> None:
    secret = "只有我知道的秘密词"
    for arguments in ([secret], [secret, "--format", "json"], [secret, "--labels-only", "--format", "csv"]):
        result = ask(*arguments, "--task", "suicide_risk")
        assert secret in result.stdout and secret not in result.stderr
    assert not list(Path().iterdir())
    rows = [{"text": secret}, {"text": [secret]}, {"post": secret}, {"text": f"{secret}\ud800"}]
    broken = write("posts.jsonl", "".join(json.dumps(row) + "\n" for row in rows) + f'{{"text": "{secret}\n')
    result = ask("--file", broken, *FAST, "--format", "json", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and secret not in result.stderr + result.stdout
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [secret in json.dumps(line, ensure_ascii=False) for line in lines] == [True] * 2 + [False] * 8
    assert [path.name for path in Path().iterdir()] == ["posts.jsonl"]


# The other commands.


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_tasks_are_listed_with_their_labels(lang: str) -> None:
    result = mentalglm("tasks", "--lang", lang)
    assert result.exit_code == 0
    assert all(name in result.stdout.replace("\n", "") for name in task_names() if len(name) < 25)
    assert "高自杀风险" in result.stdout


def test_help_names_the_commands_and_says_what_the_program_is() -> None:
    result = mentalglm("--help")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in ("analyze", "tasks", "calibrate", "demo"))
    assert "mental-health" in result.stdout


def test_calibrating_without_data_is_one_line(model_folder: Path) -> None:
    result = mentalglm("calibrate", "--model", model_folder, "--task", "suicide_risk", "--data", "absent.jsonl")
    assert "absent.jsonl not found" in refusal(result)


# As a program of its own.


def in_a_shell(arguments: Sequence[str | bytes], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # A console that is not UTF-8, as on many Windows machines.
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "HF_HUB_OFFLINE": "1"}
    command: list[str | bytes] = [sys.executable, "-m", "mentalglm.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=env, timeout=300, check=False)


def test_a_program_reads_json_from_a_pipe_and_nothing_else(model_folder: Path) -> None:
    arguments = ["analyze", "--file", "-", "--model", str(model_folder), *FAST, "--format", "json"]
    done = in_a_shell(arguments, stdin="累\u2028了\n\n困\n".encode())
    assert done.returncode == 1
    found = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert [one["row"] for one in found] == [0, 0, 1, 1, 2, 2]
    assert found[0]["text"] == "累\u2028了"
    assert disclaimer("zh") in done.stderr.decode("utf-8") and "累" not in done.stderr.decode("utf-8")


def test_bytes_that_are_no_text_are_one_line() -> None:
    done = in_a_shell(["analyze", b"\xff\xfe"])
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().strip() == "error: the text holds half a surrogate pair; re-save it as valid Unicode"


def test_the_task_list_goes_through_a_pipe_of_any_encoding() -> None:
    done = in_a_shell(["tasks"])
    assert done.returncode == 0 and "高自杀风险" in done.stdout.decode("utf-8")


# How answers are asked for.


def test_an_explanation_is_as_long_as_asked_for(ask: Callable[..., Result]) -> None:
    asked = (SENTENCES[0], "--task", "suicide_risk", "--format", "json")
    (free,), (short,) = (objects(ask(*asked, *more)) for more in ([], ["--max-explanation-characters", "4"]))
    assert len(free["explanation"] or "") > 4
    assert len(short["explanation"]) <= 4
    assert "max_explanation_characters is 1" in refusal(ask(*asked, "--max-explanation-characters", "1"))


def test_faithfulness_is_measured_on_request_and_has_columns_of_its_own(
    ask: Callable[..., Result], tmp_path: Path
) -> None:
    posts = tmp_path / "posts.csv"
    posts.write_text("text\n" + "\n".join(SENTENCES[:3]) + "\n", encoding="utf-8")
    asked = ("--file", posts, "--task", "suicide_risk")
    found = objects(ask(*asked, "--faithfulness", "--format", "json"))
    assert all(one["faithfulness"] is not None for one in found)
    assert all(one["faithfulness"] is None for one in objects(ask(*asked, "--format", "json")))
    rows = list(csv.DictReader(io.StringIO(ask(*asked, "--faithfulness", "--format", "csv").stdout)))
    plain = list(csv.DictReader(io.StringIO(ask(*asked, "--format", "csv").stdout)))
    assert [name for name in rows[0] if name not in plain[0]] == ["comprehensiveness", "sufficiency", "agrees"]
    for row, one in zip(rows, found, strict=True):
        drop = one["faithfulness"]["comprehensiveness"]
        assert row["comprehensiveness"] == ("" if drop is None else f"{drop:.3f}")
    if any(one["faithfulness"]["comprehensiveness"] is not None for one in found):
        assert "去掉依据后概率下降" in ask(*asked, "--faithfulness").stdout
    assert "--labels-only" in refusal(ask(*asked, "--faithfulness", "--labels-only"))


def test_a_models_own_tasks_are_listed(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    own = "{name: pets, kind: single, language: zh, question: 养了什么？, labels: [猫, 狗]}"
    (tmp_path / "tasks" / "pets.yaml").write_text(own, encoding="utf-8")
    (tmp_path / "mentalglm.json").write_text('{"tasks": ["pets"]}', encoding="utf-8")
    assert "pets" not in mentalglm("tasks").stdout
    assert "pets" in mentalglm("tasks", "--model", tmp_path).stdout
    assert "is no folder" in refusal(mentalglm("tasks", "--model", tmp_path / "none"))
