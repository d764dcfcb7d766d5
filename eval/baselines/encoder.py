"""An encoder, trained for the run on the same rows as every other baseline, its settings chosen on validation rows.

It is trained when it is first asked, and kept in the run's folder under ``trained/TASK``: ``tuning.json`` tells of
every trial, ``trial-N.safetensors`` are the best one's weights. A run that was killed goes on with the missing trials.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.baselines.answers import Lesson, analysis
from eval.baselines.encoder_config import read_encoder
from eval.folder import read_json, write_json
from mentalglm.analysis import Analysis
from mentalglm.errors import UserError
from mentalglm.models import weights_hash
from mentalglm.models.first_line import first_line
from mentalglm.readers import LabelledRow

if TYPE_CHECKING:
    from eval.baselines.networks import Network
    from eval.baselines.training import Trial

# The share of the training groups by which settings are chosen, where the data have no validation rows.
SET_ASIDE = 0.1


class Encoder:
    """A baseline that has learned, or will when it is asked."""

    def __init__(self, lesson: Lesson, what: str) -> None:
        """Finds the encoder and the rows; nothing is trained yet.

        Raises:
            UserError: It is nowhere, or there is too little to learn from.
        """
        self.name = f"encoder:{what}"
        lesson.check_rows(self.name)
        self._lesson, self._config = lesson, read_encoder(what, lesson.revision)
        self._train, self._validation = list(lesson.train), list(lesson.validation)
        self._chosen_on = "the split validation"
        if not self._validation:
            self._train, self._validation = set_aside(self._train, SET_ASIDE, lesson.seed)
            self._chosen_on = f"{SET_ASIDE:.0%} of the groups of the training rows"
        if not self._train:
            raise UserError(f"{self.name} needs training rows of two groups at least, to learn from and to choose by")
        from eval.baselines.networks import find_encoder

        self._weights = find_encoder(self._config)
        self.device = _device(lesson.device)
        self._network: Network | None = None
        self._threshold: float | None = None

    def describe(self) -> dict[str, Any]:
        """The encoder, its budget, and what it is taught."""
        return {
            **self._config.model_dump(),
            "weights_sha256": weights_hash(self._weights),
            "seed": self._lesson.seed,
            "chosen_on": self._chosen_on,
            "train_rows": len(self._train),
            "validation_rows": len(self._validation),
            "rows_sha256": _rows_hash(self._train, self._validation),
        }

    def answer(self, posts: Sequence[str]) -> list[Analysis]:
        """One answer per post, in order."""
        from eval.baselines.training import chances_of, decided

        network = self._learned()
        task = self._lesson.task
        chances = chances_of(network, task, posts, self.device)
        answers = decided(chances, task, self._threshold)
        labels = [[name for name, said in zip(task.label_names, row, strict=True) if said] for row in answers]
        return [analysis(self.name, task, *each) for each in zip(posts, labels, chances, strict=True)]

    def _learned(self) -> "Network":
        """The best trial's network; what of the tuning is not in the folder yet is made up for."""
        if self._network is not None:
            return self._network
        from safetensors.torch import load_file, save_file

        folder = self._lesson.folder
        if folder is None:
            raise ValueError("an encoder needs a folder to be kept in")
        folder.mkdir(parents=True, exist_ok=True)
        told = self._told(folder)
        for number in range(len(told["trials"]), len(self._config.learning_rates)):
            began = time.monotonic()
            trial = self._try(number)
            best = told["best"]
            before = None if best is None else told["trials"][best]["score"]
            told["trials"].append({**_facts(trial), "seconds": round(time.monotonic() - began, 1)})
            if best is None or (trial.score is not None and (before is None or trial.score > before)):
                save_file(trial.weights, _weights_file(folder, number))
                told["best"] = number
            write_json(folder / "tuning.json", told)
            for other in range(number + 1):
                if other != told["best"]:
                    _weights_file(folder, other).unlink(missing_ok=True)
            self._tell(trial, number)
        self._network = self._fresh()
        self._threshold = told["trials"][told["best"]]["threshold"]
        self._network.module.load_state_dict(load_file(_weights_file(folder, told["best"])))
        return self._network

    def _told(self, folder: Path) -> dict[str, Any]:
        """The tuning as far as it got, or a new one."""
        of = hashlib.sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()
        path = folder / "tuning.json"
        told = read_json(path) if path.exists() else {}
        if told.get("of") == of and (told["best"] is None or _weights_file(folder, told["best"]).is_file()):
            return told
        cut = self._fresh().read([row.text for row in self._train])[1]
        return {"of": of, **self.describe(), "cut_posts": cut, "trials": [], "best": None}

    def _try(self, number: int) -> "Trial":
        from eval.baselines.training import train

        rate = self._config.learning_rates[number]
        lesson = self._lesson
        return train(
            self._fresh(), lesson.task, self._train, self._validation, self._config, rate, lesson.seed, self.device
        )

    def _fresh(self) -> "Network":
        """The network before any training, the same every time."""
        import torch

        from eval.baselines.networks import character_table, pretrained_network, tiny_network

        torch.manual_seed(self._lesson.seed)
        labels = len(self._lesson.task.labels)
        if self._weights is None:
            return tiny_network(character_table([row.text for row in self._train]), labels, self._config)
        return pretrained_network(self._weights, labels, self._config)

    def _tell(self, trial: "Trial", number: int) -> None:
        which = f"trial {number + 1} of {len(self._config.learning_rates)}, learning rate {trial.learning_rate:g}"
        score = "no score" if trial.score is None else f"{trial.score:.3f}"
        how = f"{score} on {len(self._validation)} validation rows after pass {trial.best_epoch} of {trial.epochs}"
        self._lesson.tell(f"{self._lesson.task.name}: {self.name}, {which}: {how}")


def set_aside(rows: Sequence[LabelledRow], share: float, seed: int) -> tuple[list[LabelledRow], list[LabelledRow]]:
    """Divides rows by their groups: those that stay, and at least one group set aside, whatever the file's order."""

    def place(group: str) -> str:
        return hashlib.sha256(f"validation {seed}\n{group}".encode()).hexdigest()

    groups = sorted({row.group for row in rows}, key=place)
    aside = set(groups[: max(1, round(share * len(groups)))])
    return [row for row in rows if row.group not in aside], [row for row in rows if row.group in aside]


def _facts(trial: "Trial") -> dict[str, Any]:
    return {
        "learning_rate": trial.learning_rate,
        "epochs": trial.epochs,
        "best_epoch": trial.best_epoch,
        "score": trial.score,
        "threshold": trial.threshold,
    }


def _weights_file(folder: Path, number: int) -> Path:
    return folder / f"trial-{number + 1}.safetensors"


def _rows_hash(train: Sequence[LabelledRow], validation: Sequence[LabelledRow]) -> str:
    """Of what is learned and chosen by: posts and labels, in order."""
    digest = hashlib.sha256()
    for rows in (train, validation):
        for row in rows:
            digest.update(json.dumps([row.text, list(row.labels)], ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _device(wanted: str | None) -> str:
    """Where to compute: as wanted, or CUDA where there is one."""
    import torch

    device = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {device!r} cannot be used ({first_line(error)}); try cpu", "bad_device") from None
    return device
