"""The ledger: what is on disk counts, a torn last line does not, and two runs don't share one."""

from pathlib import Path

import pytest

from instructions.explain.ledger import Ledger, key_of
from mentalglm.errors import UserError


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.add("a", {"text": "一\u2028二\ud83d"})
        ledger.add("b", {"n": 1})
        assert path.read_bytes().count(b"\n") == 2  # on disk before the next thing happens
    with Ledger(path) as ledger:
        assert list(ledger.entries()) == [{"text": "一\u2028二\ud83d"}, {"n": 1}]
        assert ledger.get("b") == {"n": 1} and ledger.get("c") is None


def test_the_line_that_was_being_written_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.add("a", {"n": 1})
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut].rstrip(b"\n"))
        with Ledger(path) as ledger:
            assert [*ledger.entries()] == [{"n": 1}]
            ledger.add("b", {"n": 2})
        with Ledger(path) as ledger:
            assert [*ledger.entries()] == [{"n": 1}, {"n": 2}]
        path.write_bytes(whole)


def test_a_broken_line_before_the_last_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger.jsonl"
    for line in (b"oops\n", b"[1]\n", b'{"n": 1}\n', b"\xff\xfe\n"):
        path.write_bytes(line)
        with pytest.raises(UserError, match="line 1 cannot be read"), Ledger(path):
            pass


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger.jsonl"
    with Ledger(path), pytest.raises(UserError, match="another run"), Ledger(path):
        pass


def test_keys_differ_where_anything_differs() -> None:
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a", "b"), key_of("ab"), key_of("a", ["b"]), key_of("a", "b", None)}) == 4
