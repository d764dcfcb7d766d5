"""What a model has to beat, asked and scored along the same path: constant answers, rules, and small trained models.

``majority`` and ``always-positive`` always say the same, ``lexicon`` looks for words, ``tfidf`` and ``encoder:…`` learn
from the rows whose split is ``train``. They give labels, some also probabilities, and write nothing.
"""

from pathlib import Path

from eval.baselines.answers import Baseline, Lesson
from eval.baselines.constant import AlwaysPositive, Majority
from eval.baselines.tfidf import TfIdf
from mentalglm.errors import UserError

__all__ = ["Baseline", "Lesson", "is_baseline", "learn"]

_PLAIN: dict[str, type[Majority | TfIdf]] = {
    "majority": Majority,
    "always-positive": AlwaysPositive,
    "tfidf": TfIdf,
}


def is_baseline(name: str | None) -> bool:
    """Whether ``--model NAME`` names a baseline."""
    return name is not None and (name in _PLAIN or name.partition(":")[0] in ("lexicon", "encoder"))


def learn(name: str, lesson: Lesson) -> Baseline:
    """The baseline for one task; what takes long is learned when it is first asked.

    Args:
        name: ``majority``, ``always-positive``, ``tfidf``, ``lexicon``, ``lexicon:FILE.yaml``, ``encoder:tiny``, or
            ``encoder:`` and a ready config, a YAML file, a folder or a hub name.
        lesson: What there is to learn from.

    Raises:
        UserError: It cannot answer the task, or has nothing to learn from.
    """
    if name in _PLAIN:
        return _PLAIN[name](lesson)
    kind, _, what = name.partition(":")
    if kind == "lexicon":
        from eval.baselines.lexicon import LexiconRule

        return LexiconRule(lesson, Path(what) if what else None)
    if not what:
        raise UserError(
            "encoder: which one? encoder:tiny, a ready config such as encoder:macbert, a folder or hub name"
        )
    from eval.baselines.encoder import Encoder

    return Encoder(lesson, what)
