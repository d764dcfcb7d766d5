"""Models by their name on the Hugging Face hub, or on the mirror that ``HF_ENDPOINT`` names."""

from pathlib import Path

from mentalglm.errors import UserError
from mentalglm.models.first_line import first_line

# Weights, settings, tokenizers and manifests. No code, no pickle: those are not even downloaded.
NEEDED_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model", "tasks/*.yaml"]
_HUB_SECONDS = 5


def find_on_hub(name: str, revision: str | None) -> Path:
    """The folder of the hub's model in the local cache, downloaded if need be. Asks the hub once and briefly first.

    Raises:
        UserError: Neither hub nor cache has it, or it comes with pickled weights alone.
    """
    from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = HfApi().model_info(name, revision=revision, timeout=_HUB_SECONDS)
    except HFValidationError:
        raise UserError(
            f"model {name!r}: no folder has that name, and no hub name is so written", "missing_model"
        ) from None
    except Exception as error:  # its HTTP library changes, and with it what an unreachable hub raises
        for marker in ("config.json", "adapter_config.json"):
            cached = try_to_load_from_cache(name, marker, revision=revision)
            if isinstance(cached, str):
                return Path(cached).parent
        reason = _why_not(error, revision)
        raise UserError(f"model {name!r}: no folder has that name, and {reason}", "missing_model") from None
    files = [file.rfilename for file in found.siblings or []]
    if not any(file.endswith(".safetensors") for file in files):
        raise UserError(f"model {name!r} has no .safetensors weights; pickled weights are never read", "unsafe_weights")
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=NEEDED_FILES))
    except Exception as error:
        raise UserError(f"model {name!r} cannot be downloaded: {first_line(error)[:200]}", "missing_model") from None


def _why_not(error: Exception, revision: str | None) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, RevisionNotFoundError):
        return f"the hub's model has no revision {revision!r}; check it"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such model, or none open to you; check the name"
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set and the cache does not hold it; give a folder"
    return f"the hub at {constants.ENDPOINT} could not be reached; give a folder"
