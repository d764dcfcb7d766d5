"""Tasks that a test adds are gone when it ends, and those that a module's fixtures add when the module ends."""

from collections.abc import Iterator

import pytest

from mentalglm.tasks import loader


@pytest.fixture(autouse=True, scope="module")
def _tasks_of_the_module() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "_added", dict(loader._added))
        yield


@pytest.fixture(autouse=True)
def _tasks_of_the_test(_tasks_of_the_module: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_added", dict(loader._added))
