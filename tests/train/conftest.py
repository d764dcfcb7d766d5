"""What the tests of whole runs start from."""

from pathlib import Path

import pytest

from tests.needs import need_compiler
from tests.tiny import save_tiny
from tests.train.runs import LONG, losses, ran, write_instructions


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model to start from, ``base``, and instructions, ``data``."""
    need_compiler()
    folder = tmp_path_factory.mktemp("train")
    save_tiny(folder / "base")
    write_instructions(folder / "data")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(place: Path) -> Path:
    """A run of 80 steps that nothing disturbed."""
    run = ran(place, "uninterrupted", **LONG)
    assert len(losses(run)) == 80
    return run
