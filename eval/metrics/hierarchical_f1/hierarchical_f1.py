"""F1 of labels ``parent##child``: of the parents (level 1), of the children (level 2), and of both pooled.

Rows as in ``multilabel``, one column per child. Loaded with the name of a task whose labels are written so; other tasks
are flat. A parent holds where any of its children does.

    evaluate.load("eval/metrics/hierarchical_f1", "cognitive_pathway").compute(predictions=…, references=…)
"""

import datasets
import evaluate
import numpy as np

from mentalglm import metrics
from mentalglm.tasks import load_task


class HierarchicalF1(evaluate.Metric):  # type: ignore[misc]
    """See the module."""

    def _info(self) -> evaluate.MetricInfo:
        features = {
            "predictions": datasets.Sequence(datasets.Value("int32")),
            "references": datasets.Sequence(datasets.Value("int32")),
        }
        return evaluate.MetricInfo(
            description=__doc__, citation="", inputs_description=__doc__, features=datasets.Features(features)
        )

    def _compute(self, predictions: list[list[int]], references: list[list[int]]) -> dict[str, float]:
        parents = [name.split("##")[0] for name in load_task(self.config_name).label_names]
        columns = [[i for i, parent in enumerate(parents) if parent == name] for name in dict.fromkeys(parents)]
        said, gold = np.asarray(predictions), np.asarray(references, bool)
        parsed = (said != metrics.UNPARSED).all(1)
        said = (said == 1) & parsed[:, None]
        gold_parents, said_parents = (
            np.stack([rows[:, column].any(axis=1) for column in columns], axis=1) for rows in (gold, said)
        )
        levels = {
            "level_1": metrics.count(gold_parents, said_parents, parsed),
            "level_2": metrics.count(gold, said, parsed),
            "pooled": metrics.count(np.hstack([gold_parents, gold]), np.hstack([said_parents, said]), parsed),
        }
        micro = {f"{name}_micro_f1": float(metrics.micro_f1(counts)) for name, counts in levels.items()}
        macro = {f"{name}_macro_f1": float(metrics.macro_f1(counts)) for name, counts in levels.items()}
        return {**micro, **macro, "parse_rate": float(parsed.mean())}
