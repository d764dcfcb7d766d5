"""Runs ``python -m eval`` in this process, which saves each test the seconds of a start."""

import json
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from eval.__main__ import app
from mentalglm.errors import UserError


def evaluate(*arguments: object) -> Result:
    """A command that shall do what it is asked; a user's error is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refusal(*arguments: object) -> str:
    """The one line in which a command refuses."""
    try:
        evaluate(*arguments)
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    raise AssertionError("it was not refused")


def samples(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's samples."""
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text(encoding="utf-8").splitlines()]


def manifest(folder: Path) -> dict[str, Any]:
    """A run's manifest."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found
