"""Macro-F1 on the validation split, by label scoring: what a model is chosen by while it is trained.

Nothing is generated: the labels' own probabilities are read, as inference reads them, in two forward passes a batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mentalglm.decoding.engine import read_by_torch
from mentalglm.decoding.labels import label_scores
from train.config import TrainConfig
from train.label_f1 import label_f1
from train.progress import say
from train.questions import AskedTask, read_questions


@dataclass(frozen=True)
class Validation:
    """The validation split, encoded.

    Attributes:
        asked: Its tasks; at least one.
        tokenizer: The model's.
        rank: This process's place among the ranks.
        world: The number of ranks.
    """

    asked: list[AskedTask]
    tokenizer: Any
    rank: int
    world: int

    @classmethod
    def prepare(cls, config: TrainConfig, tokenizer: Any, rank: int, world: int) -> "Validation | None":
        """Reads and encodes the validation split; None where there is nothing to measure labels on.

        The questions are the rows' own, word for word, and the labels those of the rows' answers.

        Raises:
            UserError: The folder is not an instruction folder.
        """
        if config.loss_on == "all":
            return None
        asked = read_questions(config, tokenizer)
        if not asked:
            return None
        made = cls(asked, tokenizer, rank, world)
        if rank == 0 and (made.truncated or made.left_out):
            say(f"validation: {made.truncated:,} rows cut to fit, {made.left_out:,} left out")
        return made

    def __len__(self) -> int:
        """The rows that are measured."""
        return sum(len(one.questions) for one in self.asked)

    @property
    def truncated(self) -> int:
        """Rows whose post was cut."""
        return sum(one.truncated for one in self.asked)

    @property
    def left_out(self) -> int:
        """Rows that could not be cut or read."""
        return sum(one.left_out for one in self.asked)

    @torch.no_grad()  # not inference_mode: parameters that ZeRO-3 gathers under it could not be trained afterwards
    def macro_f1(self, model: Any, device: Any) -> dict[str, float]:
        """Measures ``model``; every rank calls this, and every rank makes the same number of forward passes.

        Args:
            model: The causal language model, or a module or engine around it whose ``model`` it is.
            device: Where the ranks' scores are put together.

        Returns:
            ``macro_f1``, the mean over tasks, ``macro_f1/TASK``, and ``quadratic_kappa/TASK`` of ordinal tasks; the
            same on all ranks, and for any number of them.
        """
        training = model.training
        model.eval()
        try:
            scores = self._scores(model if hasattr(model, "get_decoder") else model.model, device)
        finally:
            model.train(training)
        return self._agreed(scores, device)

    def _scores(self, model: Any, device: Any) -> list[torch.Tensor]:
        """(rows, labels) of each task, on all ranks."""
        read = read_by_torch(model)
        scores = [torch.zeros(len(one.questions), len(one.task.labels), dtype=torch.float64) for one in self.asked]
        work = [(number, batch) for number, one in enumerate(self.asked) for batch in one.batches]
        # ZeRO-3 gathers each layer's weights from all ranks: one that has no batch left reads another's again.
        for turn in range(0, len(work), self.world):
            number, batch = work[(turn + self.rank) % len(work)]
            one = self.asked[number]
            context = read([one.questions[place].prompt for place in batch])
            found = label_scores(context, one.task, one.style, self.tokenizer)
            if turn + self.rank < len(work):
                scores[number][batch] = found.double().cpu()
        return scores if self.world == 1 else [_summed(part, device) for part in scores]

    def _agreed(self, scores: list[torch.Tensor], device: Any) -> dict[str, float]:
        """The first rank's numbers: the ranks must not disagree in the last digit about which model is the best."""
        found: dict[str, float] = {}
        for one, part in zip(self.asked, scores, strict=True):
            gold = [[float(name in row.labels) for name in one.task.label_names] for row in one.questions]
            measured = label_f1(part, torch.tensor(gold), [row.post for row in one.questions], one.task)
            found |= {f"{name}/{one.task.name}": value for name, value in measured.items()}
        of_tasks = np.array([found[f"macro_f1/{one.task.name}"] for one in self.asked])
        known = of_tasks[~np.isnan(of_tasks)]
        found = {"macro_f1": float(known.mean()) if len(known) else float("nan")} | found
        if self.world > 1:
            import torch.distributed as dist

            told = torch.tensor(list(found.values()), dtype=torch.float64, device=device)
            dist.broadcast(told, src=0)
            found = dict(zip(found, told.tolist(), strict=True))
        return found


def _summed(part: torch.Tensor, device: Any) -> torch.Tensor:
    """The ranks' shares put together: each row was filled in by one rank and is 0 on the others."""
    import torch.distributed as dist

    total = part.to(device)
    dist.all_reduce(total)
    return total.cpu()
