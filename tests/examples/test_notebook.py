"""The notebook runs from its first cell to its last, as a reader would run it, and is shipped without outputs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "analyze.ipynb"


@pytest.mark.slow
def test_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": NOTEBOOK.parent}}
    )
    client.execute()  # raises at the first cell that fails
    said = "".join(str(output) for cell in notebook.cells for output in cell.get("outputs", []))
    for words in ("suicide_risk", "<mark>", "comprehensiveness", "这个帖子体现了"):
        assert words in said
    assert "UserWarning" not in said and "Traceback" not in said


def test_it_is_shipped_without_outputs_and_in_both_languages() -> None:
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        else:
            assert any("\u4e00" <= sign <= "\u9fff" for sign in cell.source) and any(
                sign.isascii() for sign in cell.source
            )
