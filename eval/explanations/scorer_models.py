"""Loads a model that judges explanations: safetensors only, no code from the checkpoint, no network unless named."""

from dataclasses import dataclass
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models import weights_hash
from mentalglm.models.find import check_folder, find_model
from mentalglm.models.first_line import first_line
from mentalglm.models.quiet import quiet

# These count positions from behind the padding token's number.
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "data2vec-text"}


@dataclass(frozen=True)
class Scorer:
    """A model ready to judge.

    Attributes:
        name: How the user called it.
        model: In evaluation mode, fp32.
        tokenizer: Pads on the right, and cuts at ``limit``.
        limit: Tokens that the model takes.
        sha256: The hash of its weights.
    """

    name: str
    model: Any
    tokenizer: Any
    limit: int
    sha256: str | None

    def encode(self, texts: list[str]) -> Any:
        """Token ids, attention and which tokens are special, as tensors of shape ``(texts, longest)``."""
        encoded = self.tokenizer(
            texts,
            truncation=True,
            max_length=self.limit,
            padding=True,
            return_tensors="pt",
            return_special_tokens_mask=True,
        )
        return encoded.to(self.model.device)

    def too_long(self, text: str) -> bool:
        """Whether a text is cut."""
        return len(self.tokenizer(text)["input_ids"]) > self.limit


def load_scorer(name: str, kind: str, device: str | None) -> Scorer:
    """The model called ``name``.

    Args:
        name: ``embedded``, a folder, a hub name, or ``modelscope:`` and a name there.
        kind: ``AutoModel`` or ``AutoModelForSeq2SeqLM``.
        device: Such as ``cpu``; CUDA by default where there is one.

    Raises:
        UserError: It is not there, would need code or pickled weights of its own, or is of another kind.
    """
    import torch
    import transformers

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with quiet():
        folder = find_model(name)
        check_folder(folder)
        try:
            settings = {"trust_remote_code": False, "use_safetensors": True, "dtype": torch.float32}
            loaded = getattr(transformers, kind).from_pretrained(str(folder), output_loading_info=True, **settings)
            model, info = loaded
            tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            model = model.to(device).eval()
        except Exception as error:  # a damaged file raises whatever its reader raises
            what = "an encoder-decoder model" if "Seq2Seq" in kind else "a model"
            raise UserError(f"{name!r} cannot be loaded as {what}: {first_line(error)}", "missing_model") from None
    # The head that pools a sentence is often left out of a checkpoint, and not used here.
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise UserError(f"{name!r} is incomplete: {len(missing)} weights are missing, such as {missing[0]}")
    tokenizer.padding_side = "right"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Scorer(name, model, tokenizer, _limit(model.config, tokenizer), weights_hash(folder))


def _limit(config: Any, tokenizer: Any) -> int:
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 10**6
    if config.model_type in _OFFSET_POSITIONS:
        positions -= 2
    return int(min(tokenizer.model_max_length, positions))
