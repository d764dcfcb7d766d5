"""F1 of labels: binary (of class 1), macro, micro, weighted, by class, and the parse rate beside them.

Labels are ``0 … K-1``; a prediction of ``-1`` is an answer that could not be read, and wrong for every class. Loaded
with a task's name, the classes are that task's labels in order, and the binary F1 is that of its positive label; else
the classes are those up to the greatest number seen.

    evaluate.load("eval/metrics/f1", "suicide_risk").compute(predictions=[0, -1], references=[0, 1])
"""

import datasets
import evaluate
import numpy as np

from mentalglm import metrics
from mentalglm.tasks import load_task


class F1(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {"predictions": datasets.Value("int32"), "references": datasets.Value("int32")}
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float | dict[str, float]]:
        named = self.config_name not in (None, "default")
        classes = max([*predictions, *references, 1]) + 1
        names = load_task(self.config_name).label_names if named else [str(i) for i in range(classes)]
        counts = metrics.count_codes(references, predictions, len(names))
        by_class = metrics.f1(counts)
        averages: dict[str, float | dict[str, float]] = {
            "macro_f1": float(metrics.macro_f1(counts)),
            "micro_f1": float(metrics.micro_f1(counts)),
            "weighted_f1": float(metrics.weighted_f1(counts)),
            "f1_by_class": {name: float(value) for name, value in zip(names, by_class, strict=True)},
            "parse_rate": float(np.mean(np.asarray(predictions) != metrics.UNPARSED)),
        }
        return {"binary_f1": float(by_class[_positive(self.config_name)]), **averages} if len(names) == 2 else averages


def _positive(task: str | None) -> int:
    """The positive class: what the task says, else class 1."""
    known = load_task(task) if task is not None and task != "default" else None
    return known.label_names.index(known.binary_label) if known is not None and known.binary_label else 1
