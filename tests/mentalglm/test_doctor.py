"""``mentalglm doctor`` looks at what is really there, says what to do, and exits 1 when something is broken."""

import importlib.metadata
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from mentalglm.doctor import doctor


def run(*arguments: str) -> tuple[int, list[str]]:
    app = typer.Typer()
    app.command()(doctor)
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.output.strip().splitlines()


@pytest.mark.slow
def test_a_sound_installation_is_ready_in_both_languages() -> None:
    code, lines = run("--lang", "en")
    assert code == 0 and lines[-1] == "Ready."
    said = "\n".join(lines)
    assert f"torch {importlib.metadata.version('torch')}" in said and "✗" not in said
    assert "the embedded model answers" in said
    code, lines = run()
    assert code == 0 and lines[-1] == "可以使用。" and any("自带模型能回答" in line for line in lines)


def test_a_language_that_is_not_known_is_refused() -> None:
    assert run("--lang", "fr")[0] == 2


@pytest.fixture
def without_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mentalglm.models.find.EMBEDDED", tmp_path / "absent")


def test_a_model_that_is_gone_is_a_fault(without_model: None) -> None:
    code, lines = run("--lang", "en")
    assert code == 1 and lines[-1] == "1 to be mended."
    assert any(line.startswith("✗ check embedded failed: UserError: model 'embedded' not found") for line in lines)


def test_a_package_that_is_gone_or_too_old_is_named_with_the_command(
    without_model: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "llguidance":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"transformers": "4.40.0", "peft": "0.1"}.get(name) or real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    code, lines = run("--lang", "en")
    assert code == 1
    fault = next(line for line in lines if line.startswith("✗ packages"))
    assert "llguidance" in fault and "transformers>=5" in fault and "torch" not in fault
    note = next(line for line in lines if line.startswith("! [train]"))
    assert "peft>=" in note and note.endswith('pip install "mentalglm[train]"')


class Usage(NamedTuple):
    free: int
    total: int = int(64e9)


def test_what_only_a_part_needs_is_a_note_and_no_fault(without_model: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mentalglm.models.find.EMBEDDED", Path("/nowhere"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(int(5e9)))
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, lines = run("--lang", "en")
    notes = [line for line in lines if line.startswith("!")]
    assert any("g++, ninja missing: needed to train with DeepSpeed only" in note for note in notes)
    assert any("5 GB" in note and "too little for a 9B model (19 GB)" in note for note in notes)
    assert any("https://mirror.example (HF_HUB_OFFLINE)" in line for line in lines)
    assert code == 1 and sum(line.startswith("✗") for line in lines) == 1  # the model alone


def test_a_check_that_breaks_does_not_hide_the_others(without_model: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise OSError("no such disk")

    monkeypatch.setattr(shutil, "disk_usage", broken)
    _, lines = run("--lang", "en")
    assert "✗ check disk failed: no such disk" in lines and any("Chinese font" in line for line in lines)
