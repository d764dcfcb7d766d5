"""PEFT adapters: which base they need, and how they are put onto it."""

import importlib.util
import warnings
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.first_line import first_line
from mentalglm.models.read_json import read_json


def is_adapter(folder: Path) -> bool:
    """Whether ``folder`` holds an adapter and no whole model."""
    return (folder / "adapter_config.json").is_file()


def base_name(folder: Path) -> str:
    """The folder or hub name of the base model that the adapter in ``folder`` needs.

    Raises:
        UserError: The adapter names none, has pickled weights, or PEFT is not installed.
    """
    path = folder / "adapter_config.json"
    base = read_json(path).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        shown = repr(base)[:80]
        reason = f"must be the folder or hub name of the base model; the value is {shown}"
        raise UserError(f"{path}: base_model_name_or_path: {reason}", "bad_adapter")
    if not (folder / "adapter_model.safetensors").is_file():
        reason = "pickled weights are never read"
        raise UserError(f"{folder} holds no adapter_model.safetensors; {reason}", "unsafe_weights")
    if importlib.util.find_spec("peft") is None:
        raise UserError(f"{folder} is an adapter, and peft is missing; pip install peft", "missing_package")
    return base


def with_adapter(model: Any, folder: Path) -> Any:
    """``model`` with the adapter in ``folder`` around it.

    Raises:
        UserError: The adapter does not fit.
    """
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what PEFT and transformers have to tell each other
            # An adapter saved empty, or under other names, would be the base model with nothing said.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            return PeftModel.from_pretrained(model, str(folder))
    except Exception as error:
        reason = first_line(error)[:200]
        raise UserError(f"adapter {folder} does not fit its base model: {reason}", "bad_adapter") from None
