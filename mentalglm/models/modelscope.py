"""Models by their name on ModelScope: ``modelscope:ZhipuAI/glm-4-9b-chat``.

What is in ModelScope's cache is used without asking anyone; the ``modelscope`` package is needed to download.
"""

import importlib.util
import os
import re
from pathlib import Path

from mentalglm.errors import UserError
from mentalglm.models.first_line import first_line
from mentalglm.models.hub import NEEDED_FILES


def find_on_modelscope(name: str, revision: str | None) -> Path:
    """The folder of ModelScope's model in the local cache, downloaded if need be.

    Raises:
        UserError: It is not cached, and the package is missing, or ModelScope does not give it.
    """
    called = f"model 'modelscope:{name}'"
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*/[\w.-]*\w[\w.-]*", name, re.ASCII):
        raise UserError(f"{called}: write it like modelscope:ZhipuAI/glm-4-9b-chat-hf", "missing_model")
    cached = _cached(name, revision)
    if cached is not None:
        return cached
    if importlib.util.find_spec("modelscope") is None:
        reason = f"it is not in the cache at {_cache()}, and the modelscope package is missing; pip install modelscope"
        raise UserError(f"{called}: {reason}", "missing_package")
    from modelscope import snapshot_download  # type: ignore[import-untyped, import-not-found]

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=NEEDED_FILES))
    except Exception as error:  # unreachable, unknown, not open: each of its versions raises something else
        reason = f"ModelScope does not give it ({first_line(error)[:160]}); check name and network, or give a folder"
        raise UserError(f"{called}: {reason}", "missing_model") from None


def _cached(name: str, revision: str | None) -> Path | None:
    """A finished model in one of the layouts that ModelScope's cache has had, the newest first."""
    owner, _, model = name.partition("/")
    snapshots = _cache() / "models" / f"{owner}--{model}" / "snapshots"
    old = [
        _cache() / part / owner / written
        for part in ("models", "hub/models", "hub", ".")
        for written in (model.replace(".", "___"), model)
    ]
    wanted = [snapshots / revision] if revision else [snapshots / "master", snapshots / "main", *old]
    for folder in wanted:
        described = (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()
        if described and any(folder.glob("*.safetensors")):
            return folder
    return None


def _cache() -> Path:
    return Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache" / "modelscope").expanduser()
