"""Keeps in a run's folder what BERTScore and BARTScore found, so that their models are asked once.

``bert_score.json`` and ``bart_score.json`` hold what identifies the model, and scores by the hash of explanation and
reference: a run that went on since has only its new pairs judged, and ``report`` and ``compare`` need no model.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from eval.explanations.bartscore import bart_scores, load_bart_scorer
from eval.explanations.bertscore import bert_scores, load_bert_scorer, rescaled
from eval.explanations.scorer_models import Scorer
from eval.explanations.sums import Sample, referred
from eval.folder import each_sample, read_json, write_json
from mentalglm.models.quiet import quiet

Pair = tuple[str, str]
Judge = Callable[[list[str], list[str]], list[list[float]]]


def keep_bert_scores(folder: Path, name: str, device: str | None = None, layer: int | None = None) -> int:
    """Judges every explanation of a run by BERTScore; returns how many pairs were new.

    Raises:
        UserError: The folder is not a run's, or the model cannot be had.
    """
    scorer, info = load_bert_scorer(name, device, layer)
    layer = info["layer"]
    return _keep(folder, "bert_score", scorer, info, lambda said, wanted: bert_scores(scorer, layer, said, wanted))


def keep_bart_scores(folder: Path, name: str, device: str | None = None) -> int:
    """Judges every explanation of a run by BARTScore; see :func:`keep_bert_scores`."""
    scorer, info = load_bart_scorer(name, device)
    return _keep(folder, "bart_score", scorer, info, lambda said, wanted: bart_scores(scorer, said, wanted))


def add_model_scores(folder: Path, samples: Iterable[Sample]) -> None:
    """Writes kept scores into the samples, unless some pair has none: half a run's mean is no score."""
    kept = {name: read_json(path) for name in ("bert_score", "bart_score") if (path := _path(folder, name)).exists()}
    if not kept:
        return
    judged = [(sample, _key(_pair(sample))) for sample in samples if referred(sample)]
    for name, found in kept.items():
        scores, baseline = found["scores"], found["by"].get("baseline")
        if all(key in scores for _, key in judged):
            for sample, key in judged:
                sample[name] = scores[key]
                if baseline:
                    sample[f"{name}_rescaled"] = [rescaled(scores[key][2], baseline)]


def judges_of(folder: Path) -> dict[str, dict[str, Any]]:
    """What identifies the models whose scores the folder holds, by measure."""
    found = {}
    for name in ("bert_score", "bart_score"):
        if _path(folder, name).exists():
            found[name] = read_json(_path(folder, name))["by"]
    return found


def _keep(folder: Path, name: str, scorer: Scorer, info: dict[str, Any], judge: Judge) -> int:
    pairs = {_key(pair): pair for sample in each_sample(folder) if referred(sample) for pair in [_pair(sample)]}
    before = read_json(_path(folder, name)) if _path(folder, name).exists() else {"by": None, "scores": {}}
    identity = {key: value for key, value in info.items() if key != "baseline"}
    known = before["scores"] if before["by"] and identity.items() <= before["by"].items() else {}
    fresh = [key for key in pairs if key not in known]
    scores = judge([pairs[key][0] for key in fresh], [pairs[key][1] for key in fresh])
    found = {**known, **{key: [round(x, 6) for x in each] for key, each in zip(fresh, scores, strict=True)}}
    with quiet():
        cut = sum(any(map(scorer.too_long, pair)) for pair in pairs.values())
    by = {**info, "limit": scorer.limit, "pairs": len(pairs), "cut": cut}
    write_json(_path(folder, name), {"by": by, "scores": {key: found[key] for key in pairs}})
    return len(fresh)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _pair(sample: Sample) -> Pair:
    return sample.get("explanation") or "", sample["gold_explanation"]


def _key(pair: Pair) -> str:
    return hashlib.sha256("\0".join(pair).encode()).hexdigest()[:32]
