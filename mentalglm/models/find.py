"""Finds the folder of the model that a user named, and refuses early what would fail late or run foreign code."""

from pathlib import Path

from mentalglm.errors import UserError
from mentalglm.models.hub import find_on_hub
from mentalglm.models.modelscope import find_on_modelscope
from mentalglm.models.read_json import read_json

EMBEDDED = Path(__file__).parent.parent / "weights" / "embedded"
_MODELSCOPE = "modelscope:"


def is_path(name: str) -> bool:
    """Whether ``name`` is a folder's, or can at least be no hub's: those have one slash at most."""
    return Path(name).is_dir() or name.count("/") > 1 or name.startswith((".", "/")) or "\\" in name


def find_model(name: str, revision: str | None = None) -> Path:
    """The folder of the model or adapter called ``name``; a hub's is downloaded first, unless its cache holds it.

    Args:
        name: ``embedded``, a folder, a Hugging Face name such as ``THUDM/glm-4-9b-chat-hf``, or ``modelscope:`` and a
            name there.
        revision: Of a hub name.

    Raises:
        UserError: It is nowhere, or out of reach.
    """
    if name == "embedded":
        if not EMBEDDED.is_dir():
            raise UserError(f"model 'embedded' not found at {EMBEDDED}; give a folder or a hub name", "missing_model")
        return EMBEDDED
    if name.startswith(_MODELSCOPE):
        return find_on_modelscope(name.removeprefix(_MODELSCOPE), revision)
    if Path(name).is_dir():
        return Path(name)
    if is_path(name):
        raise UserError(f"model folder {name!r} not found; check the path, or give a hub name", "missing_model")
    return find_on_hub(name, revision)


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds no model, or one that needs its own code or pickled weights.

    Raises:
        UserError: With the way out.
    """
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; give the folder of a model or adapter", "missing_model")
    config = read_json(folder / "config.json")
    if "auto_map" in config and config.get("model_type") not in ("chatglm", *_native_types()):
        raise UserError(
            f"{folder} is a {config.get('model_type')!r} model, whose loader is code inside the checkpoint and is "
            "never run; use an edition that transformers knows by itself (its name may end in -hf)",
            "remote_code",
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(f"{folder} holds no .safetensors weights; pickled weights are never read", "unsafe_weights")


def _native_types() -> set[str]:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return set(CONFIG_MAPPING_NAMES)
