"""Lists of held-out hashes: read whole, or refused by name."""

import hashlib
import json
from pathlib import Path

import pytest

from instructions.duplicates import text_key
from instructions.heldout import is_held_out, read_heldout, text_keys
from mentalglm.errors import UserError


def test_the_hashes_of_every_set_are_read(tmp_path: Path) -> None:
    one, other = text_key("今天很累"), text_key("I am fine")
    path = _write(tmp_path, {"normalisation": "letters and digits", "sets": {"a": [one], "b": [other, one], "c": []}})
    assert read_heldout(path) == {one, other}


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"sets": ["0123456789abcdef"]},
        {"sets": {"a": None}},
        {"sets": {"a": [7]}},
        {"sets": {"a": "0123456789abcdef"}},
        {"sets": {"a": ["今天很累"]}},
        {"sets": {"a": [hashlib.sha256(b"x").hexdigest()]}},
    ],
)
def test_another_file_is_refused_by_name(content: object, tmp_path: Path) -> None:
    path = _write(tmp_path, content)
    with pytest.raises(UserError, match=r"heldout\.json: not a list of held-out hashes"):
        read_heldout(path)


def test_a_file_that_is_no_json_or_not_there_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "heldout.json"
    with pytest.raises(UserError, match=r"heldout\.json: cannot be read"):
        read_heldout(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(UserError, match=r"heldout\.json: not a list"):
        read_heldout(path)


@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "latin-1"])
def test_a_post_is_found_whichever_copy_of_it_is_broken(encoding: str) -> None:
    sound = "I can’t sleep – it’s been a week, café closed"
    broken = sound.encode().decode(encoding, "ignore" if encoding == "cp1252" else "strict")
    assert text_key(sound) != text_key(broken)
    for listed in (sound, broken):
        assert is_held_out(sound, {text_key(listed)})
        assert is_held_out(broken, {text_key(listed)})
    assert not is_held_out(sound + " early", {text_key(sound), text_key(broken)})


@pytest.mark.parametrize("text", ["", "……", "😭😭"])
def test_a_text_without_a_letter_has_none_for_all_such_share_one(text: str) -> None:
    assert text_keys(text) == frozenset()
    assert not is_held_out(text, {text_key("")})


@pytest.mark.parametrize("text", ["plain words", "今天很累，什么都不想做", "naïve \ud800"])
def test_an_ordinary_text_has_its_own_key(text: str) -> None:
    assert text_key(text) in text_keys(text)
    assert is_held_out(text, {text_key(text)}) and not is_held_out(text, {text_key(text + "1")})


def _write(folder: Path, content: object) -> Path:
    path = folder / "heldout.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
