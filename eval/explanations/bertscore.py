"""BERTScore (Zhang et al. 2020): each token of one text matched with the likest of the other, by hidden states.

Equal to the bert-score package without idf weights, which stops at an empty text or a tokenizer without a limit, and
reads pickled weights.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eval.explanations.scorer_models import Scorer, load_scorer
from mentalglm.errors import UserError

Scores = list[float]


def load_bert_scorer(name: str, device: str | None = None, layer: int | None = None) -> tuple[Scorer, dict[str, Any]]:
    """The model, and what its scores are to be read with.

    Args:
        name: See :func:`eval.explanations.scorer_models.load_scorer`.
        device: Such as ``cpu``.
        layer: Whose hidden states are compared; by default what the bert-score package found best for a model of this
            name, else 0.7 of the way up, where its best layers lie.

    Returns:
        The model; its name, weights' hash, ``layer``, and ``baseline``: precision, recall and F1 of unrelated texts
        where the package has them.

    Raises:
        UserError: It cannot be had, or has no such layer.
    """
    scorer = load_scorer(name, "AutoModel", device)
    config = scorer.model.config
    layers = int(getattr(config, "num_hidden_layers", 0) or getattr(config, "n_layer", 0) or config.num_layers)
    chosen = layer if layer is not None else _tuned_layer(name) or max(1, round(0.7 * layers))
    if not 0 <= chosen <= layers:
        raise UserError(f"--bert-score-layer {chosen}: {name!r} has layers 0 to {layers}")
    info = {"model": name, "weights_sha256": scorer.sha256, "layer": chosen, "baseline": _baseline(name, chosen)}
    return scorer, info


def bert_scores(
    scorer: Scorer, layer: int, hypotheses: Sequence[str], references: Sequence[str], batch_size: int = 16
) -> list[Scores]:
    """Precision, recall and F1 per pair; 0 where one text is empty. Texts over the model's limit are cut there."""
    found: list[Scores] = [[0.0, 0.0, 0.0] for _ in hypotheses]
    stripped = [(said.strip(), wanted.strip()) for said, wanted in zip(hypotheses, references, strict=True)]
    places = [place for place, pair in enumerate(stripped) if all(pair)]
    places.sort(key=lambda place: max(map(len, stripped[place])))
    for start in range(0, len(places), batch_size):
        batch = places[start : start + batch_size]
        said, wanted = ([stripped[place][side] for place in batch] for side in (0, 1))
        for place, mine, theirs in zip(
            batch, _states(scorer, layer, said), _states(scorer, layer, wanted), strict=True
        ):
            found[place] = _match(*mine, *theirs)
    return found


def rescaled(f1: float, baseline: Sequence[float]) -> float:
    """F1 on a scale where unrelated texts are at 0."""
    return (f1 - baseline[2]) / (1 - baseline[2])


def _states(scorer: Scorer, layer: int, texts: list[str]) -> list[tuple[Any, Any]]:
    """Per text its tokens' hidden states at unit length, and which tokens count (the special ones don't)."""
    import torch

    if type(scorer.tokenizer).__name__.startswith(("Roberta", "GPT2")):
        texts = [f" {text}" for text in texts]  # as within a sentence
    encoded = scorer.encode(texts)
    with torch.inference_mode():
        asked = {"attention_mask": encoded["attention_mask"], "output_hidden_states": True}
        states = scorer.model(encoded["input_ids"], **asked).hidden_states[layer]
    states = torch.nn.functional.normalize(states, dim=-1)
    lengths = encoded["attention_mask"].sum(1).tolist()
    counted = (1 - encoded["special_tokens_mask"]).float()
    return [(states[i, :n], counted[i, :n]) for i, n in enumerate(lengths)]


def _match(said: Any, said_counts: Any, wanted: Any, wanted_counts: Any) -> Scores:
    if not (said_counts.any() and wanted_counts.any()):  # of nothing but characters that the tokenizer drops
        return [0.0, 0.0, 0.0]
    alike = said @ wanted.T
    precision = float((alike.max(1).values * said_counts).sum() / said_counts.sum())
    recall = float((alike.max(0).values * wanted_counts).sum() / wanted_counts.sum())
    both = precision + recall
    return [precision, recall, 2 * precision * recall / both if both else 0.0]


def _tuned_layer(name: str) -> int | None:
    from bert_score.utils import model2layers

    layers: dict[str, int] = model2layers
    return layers.get(name) or layers.get(Path(name).name)


@cache
def _baseline(name: str, layer: int) -> tuple[float, ...] | None:
    import bert_score

    folder = Path(bert_score.__file__).parent / "rescale_baseline"
    for language in ("zh", "en"):
        path = folder / language / f"{Path(name).name}.tsv"
        if path.is_file():
            rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
            return next((tuple(map(float, row[1:])) for row in rows if int(row[0]) == layer), None)
    return None
