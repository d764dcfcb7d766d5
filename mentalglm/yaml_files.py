"""Reads what people write in YAML; whatever is wrong with it becomes one line that names file, key and value."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mentalglm.errors import UserError

Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Reads a YAML file into ``model``.

    Raises:
        UserError: The file is missing, is not YAML, or breaks the model; the message names file, key and value.
    """
    return validated(yaml_in(path), model, str(path))


def yaml_in(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: The file cannot be read (``missing_file``), is not UTF-8 or not YAML, or a key stands twice in it.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Unique)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", "missing_file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {_yaml_problem(error)}") from None


def validated(data: Any, model: type[Model], where: str) -> Model:
    """``data`` as ``model``.

    Raises:
        UserError: It breaks the model; the message names ``where``, key and value.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError(f"{where}: {first_problem(error)}") from None


def _yaml_problem(error: yaml.YAMLError) -> str:
    """One line on what is wrong with a YAML file, and in which line of it."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1})" if mark is not None else ""
    return f"{problem or str(error).splitlines()[0]}{where}"


def first_problem(error: ValidationError) -> str:
    """One line on the first thing wrong in a file: its key, what is wrong, the value seen."""
    problem: Any = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"] if part != "[key]") or "the whole file"
    if problem["type"] == "missing":
        return f"{key}: missing; add it"
    if problem["type"] == "value_error":
        problem["msg"] = str(problem["ctx"]["error"])
        if not problem["loc"]:  # it names the key itself
            return str(problem["msg"])
    value = repr(problem["input"])
    shown = value if len(value) <= 80 else value[:77] + "…"
    rest = len(error.errors()) - 1
    return f"{key}: {problem['msg']}; the value is {shown}" + (f" (and {rest} more problems)" if rest else "")


class _Unique(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]  # type: ignore[no-untyped-call]
        twice = [str(key) for key in keys if keys.count(key) > 1]
        if twice:
            raise yaml.MarkedYAMLError(problem=f"the key {twice[0]!r} stands twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)
