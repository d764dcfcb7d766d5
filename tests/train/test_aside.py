"""Folders take their place whole or not at all, whatever happens on the way."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mentalglm.errors import UserError
from train.aside import check_writable, is_disk_fault, written_aside


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let a file grow beyond ``size`` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write(folder: Path, text: str) -> None:
    with written_aside(folder) as aside:
        (aside / "inner").mkdir()
        (aside / "inner" / "file").write_text(text, encoding="utf-8")


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "model"
    write(folder, "one")
    (folder / "leftover").touch()
    write(folder, "two")
    assert (folder / "inner" / "file").read_text("utf-8") == "two"
    assert not (folder / "leftover").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_the_old_one_is_there_while_the_new_one_is_written(tmp_path: Path) -> None:
    write(tmp_path / "model", "one")
    with written_aside(tmp_path / "model") as aside:
        assert (tmp_path / "model" / "inner" / "file").read_text("utf-8") == "one"
        assert aside.parent == tmp_path and not any(aside.iterdir())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_mistake_while_writing_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    write(tmp_path / "model", "one")
    with pytest.raises(error), written_aside(tmp_path / "model") as aside:
        (aside / "half").touch()
        raise error
    assert (tmp_path / "model" / "inner" / "file").read_text("utf-8") == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_kill_left_behind_is_put_right(tmp_path: Path) -> None:
    write(tmp_path / "model", "one")
    (tmp_path / "model").rename(tmp_path / "model.old")  # killed between the two renames
    (tmp_path / "model.partial").mkdir()
    with pytest.raises(ValueError), written_aside(tmp_path / "model"):
        raise ValueError
    assert (tmp_path / "model" / "inner" / "file").read_text("utf-8") == "one"
    (tmp_path / "model.old").mkdir()  # killed before the old one was deleted
    write(tmp_path / "model", "two")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_full_disk_is_one_line_and_the_old_one_stays(tmp_path: Path) -> None:
    write(tmp_path / "model", "one")
    with pytest.raises(UserError) as caught, files_of_at_most(1000):
        write(tmp_path / "model", "x" * 2000)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'model'} cannot be written: File too large")
    assert "untouched" in said and "\n" not in said
    assert (tmp_path / "model" / "inner" / "file").read_text("utf-8") == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(tmp_path: Path) -> None:
    expected = r"the disk is too full; 1000000\.00 GB are needed, \d+\.\d\d GB free"
    with pytest.raises(UserError, match=expected), written_aside(tmp_path / "model", needs=10**15):
        pytest.fail("was written to")
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: Not a directory"):
        write(tmp_path / "file" / "model", "one")


def test_each_library_says_it_in_its_own_way() -> None:
    assert is_disk_fault(OSError(28, "No space left on device"))
    assert is_disk_fault(Exception("No space left on device (os error 28)"))  # as tokenizers raises it
    assert not is_disk_fault(ValueError("something else"))


def test_a_place_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    check_writable(tmp_path / "some" / "where")
    assert not (tmp_path / "some").exists()
    (tmp_path / "file").touch()
    with pytest.raises(
        UserError, match=r"^output_dir: [^\n]*file/run cannot be made: [^\n]*file is no folder; name another folder$"
    ):
        check_writable(tmp_path / "file" / "run")
