"""The house: the library is light to import, the rooms keep apart, and the wheel holds what a user needs."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mentalglm
from mentalglm.models import EMBEDDED

ROOT = Path(__file__).parents[1]
ROOMS = ("instructions", "train", "eval", "demo")
HEAVY = ["torch", "transformers", "peft", "gradio", "deepspeed", "datasets", "sklearn", "pandas", "matplotlib"]


def heavy_imports_after(code: str) -> str:
    """Which heavy packages a fresh Python holds once it has run ``code``."""
    report = f"import sys\n{code}\nprint('HEAVY', *(n for n in {HEAVY} if n in sys.modules))"
    command = [sys.executable, "-c", report]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split("HEAVY")[1].strip()


@pytest.mark.parametrize(
    "code",
    [
        "import mentalglm",
        "import mentalglm.cli, mentalglm.tasks, mentalglm.readers, mentalglm.answer, mentalglm.prompt",
        "import mentalglm.analysis, mentalglm.analyzer, mentalglm.writers, mentalglm.hotlines, mentalglm.models",
        "from mentalglm.cli import app\napp(['--help'], standalone_mode=False)",
        "from mentalglm.cli import app\napp(['tasks'], standalone_mode=False)",
        "from mentalglm.cli import app\napp(['analyze', '--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code: str) -> None:
    assert heavy_imports_after(code) == ""


def test_the_check_above_can_fail() -> None:
    assert heavy_imports_after("import torch") == "torch"


def test_the_version_is_written_once() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", mentalglm.__version__)
    try:
        installed = importlib.metadata.version("mentalglm")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("mentalglm is not installed")
    assert installed == mentalglm.__version__


# The rooms.


def sources(folder: str) -> list[Path]:
    return [path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts]


def imported(path: Path) -> set[str]:
    """The first names of what a file imports, relative imports left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", [*ROOMS, "mentalglm"])
def test_no_room_imports_another(room: str) -> None:
    assert sources(room)
    for path in sources(room):
        assert not imported(path) & ({*ROOMS, "tests"} - {room}), path


def test_the_demo_imports_itself_relatively() -> None:
    # It is installed as mentalglm.demo, where the name demo does not exist.
    for path in sources("demo"):
        assert "demo" not in imported(path), path


def test_every_folder_of_tests_is_a_package() -> None:
    for folder in {path.parent for path in sources("tests")}:
        assert (folder / "__init__.py").is_file(), folder


# The wheel.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    assert path.name == f"mentalglm-{mentalglm.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_library_whole(wheel: set[str]) -> None:
    expected = {str(path.relative_to(ROOT)) for path in sources("mentalglm")}
    expected |= {f"mentalglm/tasks/{path.name}" for path in (ROOT / "mentalglm" / "tasks").glob("*.yaml")}
    expected |= {"mentalglm/hotlines.yaml", "mentalglm/tasks/suicide_risk.yaml"}
    assert expected <= wheel


def test_the_wheel_holds_the_demo_inside_the_library(wheel: set[str]) -> None:
    here = [path for path in (ROOT / "demo").iterdir() if path.suffix in (".py", ".css", ".svg")]
    assert {f"mentalglm/demo/{path.name}" for path in here} <= wheel
    assert {"mentalglm/demo/app.py", "mentalglm/demo/__main__.py", "mentalglm/demo/style.css"} <= wheel


def test_the_wheel_holds_the_embedded_model(wheel: set[str]) -> None:
    assert EMBEDDED.is_dir(), "the embedded model's weights are not in this checkout"
    names = {f"mentalglm/weights/embedded/{path.name}" for path in EMBEDDED.iterdir()}
    assert names <= wheel
    needed = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "mentalglm.json")
    assert {f"mentalglm/weights/embedded/{name}" for name in needed} <= names


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"mentalglm", f"mentalglm-{mentalglm.__version__}.dist-info"}
    assert not [name for name in wheel if "test" in name.lower() or "__pycache__" in name or name.endswith(".partial")]
    (entry,) = [name for name in wheel if name.endswith("entry_points.txt")]
    assert entry.startswith("mentalglm-")
