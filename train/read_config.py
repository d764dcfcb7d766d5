"""Reads a run's settings: the YAML, then the command line's ``key.sub=value``; unknown keys are refused by name."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mentalglm.errors import UserError
from train.config import Lora, NewModel, TrainConfig


def load_config(path: Path, overrides: list[str]) -> TrainConfig:
    """Reads the YAML at ``path`` and applies ``key.sub=value`` overrides, whose values are YAML too.

    Raises:
        UserError: The file is missing or broken, a key is unknown (the nearest known one is named) or a value is wrong.
    """
    if not path.is_file():
        raise UserError(f"{path} not found; name a configuration such as train/configs/embedded.yaml", "missing_file")
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise UserError(f"{path} holds no settings; write key: value lines as in train/configs/embedded.yaml")
        for override in overrides:
            _apply(data, override)
        return TrainConfig.model_validate(data)
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {_problem(error)}") from None


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise UserError(f"{override!r} is not a setting; write key=value, such as max_steps=2")
    *parents, last = key.split(".")
    for parent in parents:
        if data.get(parent) is None:
            data[parent] = {}
        if not isinstance(data[parent], dict):
            raise UserError(f"{key}: {parent} holds no further settings")
        data = data[parent]
    data[last] = yaml.safe_load(value)


def _problem(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {"lora": Lora, "new_model": NewModel}
        section = sections.get(str(first["loc"][0]), TrainConfig) if len(first["loc"]) > 1 else TrainConfig
        near = difflib.get_close_matches(str(first["loc"][-1]), section.model_fields, n=1)
        return f"unknown setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "; see train/config.py")
    if first["type"] == "missing":
        return f"{key}: missing; add it"
    if first["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: {message}; the value is {first['input']!r}"
