"""Finds the folder or hub name that a user gave, and refuses early what would fail late or run foreign code."""

from pathlib import Path

from mentalglm.errors import UserError
from mentalglm.models.read_json import read_json

_HUB_SECONDS = 5


def find_folder(name: str) -> Path | None:
    """The folder called ``name``, or None if it can only be a hub name. Touches no network.

    Raises:
        UserError: It is the path of no folder, or names another hub.
    """
    if Path(name).is_dir():
        return Path(name)
    if name.startswith("modelscope:"):
        reason = "ModelScope is not read yet; download the model and give its folder"
        raise UserError(f"model {name!r}: {reason}", "missing_model")
    if name.count("/") > 1 or name.startswith((".", "/")) or "\\" in name:
        raise UserError(f"model folder {name!r} not found; check the path, or give a hub name", "missing_model")
    return None


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds no model, or one that needs its own code or pickled weights.

    Raises:
        UserError: With the way out.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; give the folder of a model or adapter", "missing_model")
    if read_json(folder / "config.json").get("model_type") == "chatglm":
        raise UserError(
            f"{folder} is a ChatGLM-format checkpoint, whose loader is code inside the checkpoint; "
            "use the native edition of the model (its name ends in -hf)",
            "remote_code",
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(f"{folder} holds no .safetensors weights; pickled weights are never read", "unsafe_weights")


def find_cached(name: str, revision: str | None) -> Path | None:
    """None for a model that the hub offers, or else its folder in the local cache. Asks the hub once and briefly.

    Raises:
        UserError: Neither has it.
    """
    from huggingface_hub import HfApi, constants, try_to_load_from_cache
    from huggingface_hub.errors import (
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        HfApi().model_info(name, revision=revision, timeout=_HUB_SECONDS)
        return None
    except HFValidationError:
        raise UserError(
            f"model {name!r}: no folder has that name, and no hub name is so written", "missing_model"
        ) from None
    except Exception as error:  # its HTTP library changes, and with it what an unreachable hub raises
        cached = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(cached, str):
            return Path(cached).parent
        if isinstance(error, RevisionNotFoundError):
            reason = f"the hub's model has no revision {revision!r}; check it"
        elif isinstance(error, RepositoryNotFoundError):
            reason = "the hub has no such model, or none open to you; check the name"
        elif isinstance(error, OfflineModeIsEnabled):
            reason = "HF_HUB_OFFLINE is set and the cache does not hold it; give a folder"
        else:
            reason = f"the hub at {constants.ENDPOINT} could not be reached; give a folder"
    raise UserError(f"model {name!r}: no folder has that name, and {reason}", "missing_model")
