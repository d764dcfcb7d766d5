"""Opens what was saved again and holds it against the model that was trained.

What it protects from has happened elsewhere: adapters saved empty under ZeRO-3 (trl issue 4416), weights under names
that nothing loads, templates that differ between training and use.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models import load_model
from mentalglm.models.adapter import base_of, is_adapter
from mentalglm.models.chatglm import is_chatglm, native_config
from mentalglm.models.quiet import quiet
from mentalglm.prompt import encode_prompt
from train.config import TrainConfig
from train.four_bit import keep_quantized
from train.gather import unsharded_loading
from train.model import how_to_load, own_device
from train.progress import say

# Invented, and long enough that every layer has something to do.
_PROBE = "考试没有考好，回家的路上一直下雨。妈妈打来电话，我没有接。其实也不是第一次了，只是今天特别累，什么都不想说。"
# Largest relative difference of the logits, ‖reloaded - trained‖ / ‖trained‖: sums run in another order, on another
# device perhaps, and weights saved in bf16 are rounded.
_TOLERANCE = {"fp32": 1e-3, "bf16": 0.05}


@dataclass(frozen=True)
class Probe:
    """What the trained model says to a fixed question.

    Attributes:
        ids: The question's tokens, length T.
        logits: (T, vocabulary), fp32.
    """

    ids: list[int]
    logits: Any


def probe_model(model: Any, tokenizer: Any) -> Probe:
    """Asks the fixed question; every rank calls it. The model is put back into the mode it was in."""
    import torch

    ids = encode_prompt(tokenizer, [{"role": "user", "content": _PROBE}])
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids], device=model.device), use_cache=False).logits[0]
    finally:
        model.train(training)
    return Probe(ids, logits.float().cpu())


def verify_saved(folder: Path, config: TrainConfig, trained: Probe, weights: dict[str, Any]) -> None:
    """Checks the weights on disk one by one, then loads the folder as a user would and asks it the same question.

    Where there is no room for a second model, the weights are checked and the question is left out, which is said.

    Args:
        folder: What was saved.
        config: The run's settings.
        trained: What the trained model answered.
        weights: What was to be saved; emptied, to make room for the model that is loaded.

    Raises:
        UserError: What is on the disk is not what was trained. The folder is kept, as ``model.failed``.
    """
    with unsharded_loading(), quiet():
        problem = _wrong_weights(folder, weights)
        weights.clear()
        problem = problem or _wrong_answer(folder, config, trained)
    if problem is not None:
        raise UserError(f"what was saved is not what was trained: {problem}", "not_verified")


def _wrong_weights(folder: Path, weights: dict[str, Any]) -> str | None:
    """What is wrong with the files, by name and number; None if nothing."""
    import torch

    expected = _expected_shapes(folder)
    found: set[str] = set()
    learned = False
    wanted = {name.replace(".default", ""): weight for name, weight in weights.items()}  # PEFT names its adapters
    for name, tensor in _tensors(folder):
        found.add(name)
        learned = learned or ("lora_B" in name and bool(tensor.any()))
        if not tensor.isfinite().all():
            return f"{name} holds values that are not finite; lower learning_rate"
        if expected is not None and name in expected and tuple(tensor.shape) != expected[name]:
            return f"{name} has the shape {tuple(tensor.shape)}, not {expected[name]}"
        if name in wanted and not torch.equal(tensor, wanted[name]):
            return f"{name} has other values on disk"
    if expected is not None and found != set(expected):
        first = min(found ^ set(expected))
        return f"{len(expected)} weights belong there, {len(found)} are there; the first that differs is {first}"
    if is_adapter(folder) and not learned:
        return "every B of the adapter is zero: it has learned nothing"
    return None


def _tensors(folder: Path) -> Iterator[tuple[str, Any]]:
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                yield name, file.get_tensor(name)


def _expected_shapes(folder: Path) -> dict[str, tuple[int, ...]] | None:
    """The names and shapes that the folder must hold, worked out from its settings alone.

    None for a whole model whose layout on disk is not that in memory (experts, which transformers stacks while it
    loads); loading it then shows what is missing.
    """
    if is_adapter(folder):
        return _adapter_shapes(folder)
    model = _skeleton(folder)
    tied = set(getattr(model, "_tied_weights_keys", None) or ()) if model.config.tie_word_embeddings else set()
    shapes = {name: tuple(weight.shape) for name, weight in model.state_dict().items() if name not in tied}
    return None if getattr(model, "_weight_conversions", None) or _has_experts(model) else shapes


def _adapter_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """A and B of every target module of the base, and with DoRA its magnitudes."""
    from peft import PeftConfig, get_peft_model
    from peft.utils import get_peft_model_state_dict

    model = get_peft_model(
        _skeleton(base_of(folder).folder), PeftConfig.from_pretrained(str(folder)), low_cpu_mem_usage=True
    )
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def _skeleton(folder: Path) -> Any:
    """The model of a folder's ``config.json``, without weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = native_config(folder) if is_chatglm(folder) else AutoConfig.from_pretrained(str(folder))
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def _has_experts(model: Any) -> bool:
    return any(name.endswith(".experts") for name, _ in model.named_modules())


def _wrong_answer(folder: Path, config: TrainConfig, trained: Probe) -> str | None:
    """How the model that was loaded again answers otherwise; None if it does not."""
    device = device_with_room(folder, 1 if config.load_in_4bit else {"fp32": 4, "bf16": 2}[config.dtype])
    if device is None:
        say("no room for a second model: the saved weights were compared, but not loaded and asked")
        return None
    loaded = load_model(str(folder), device, config.dtype, loading=how_to_load(config, device))
    keep_quantized(loaded.model)
    again = probe_model(loaded.model, loaded.tokenizer)
    if again.ids != trained.ids:
        return "its tokenizer or chat template reads a question otherwise"
    tolerance = max(_TOLERANCE[config.dtype], _TOLERANCE[config.save_dtype])
    gap = float((again.logits - trained.logits).norm() / trained.logits.norm())
    if not gap <= tolerance:  # not a number is not below it either
        return f"loaded again, its logits differ by {gap:.2g} of their size; {tolerance:g} is rounding"
    return None


def device_with_room(folder: Path, bytes_each: int) -> str | None:
    """Where the model in ``folder`` can be loaded: this rank's own device, else the CPU, else None.

    Args:
        folder: A model's, or an adapter's.
        bytes_each: Of a weight, as it will be held.
    """
    import psutil  # type: ignore[import-untyped]
    import torch

    base = base_of(folder).folder if is_adapter(folder) else folder
    needs = 1.2 * bytes_each * sum(weight.numel() for weight in _skeleton(base).parameters())
    own = own_device()
    if own.startswith("cuda"):
        torch.cuda.empty_cache()  # what torch keeps for itself counts as taken
    if own.startswith("cuda") and torch.cuda.mem_get_info(own)[0] > needs:
        return own
    return "cpu" if psutil.virtual_memory().available > needs else None
