"""The runs whose explanations are rated, by a name of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.folder import each_sample, read_manifest, samples_hash, task_manifests
from mentalglm.errors import UserError

GOLD = "gold"
Samples = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """A run whose explanations are rated.

    Attributes:
        name: What it is called in results: the model, or the folder where models share a name.
        folder: Its folder.
        manifests: Its manifest by task.
        samples: By task and id.
    """

    name: str
    folder: Path
    manifests: dict[str, dict[str, Any]]
    samples: dict[str, Samples]

    def about(self) -> dict[str, Any]:
        """What the key says of it."""
        model = next(iter(self.manifests.values()))["model"]
        return {
            "name": self.name,
            "folder": self.folder.name,
            "model": model,
            "samples_sha256": samples_hash(self.folder),
        }


def read_runs(folders: list[Path]) -> list[Run]:
    """Reads the samples of runs.

    Raises:
        UserError: A folder is no run's, or stands twice.
    """
    manifests = [task_manifests(read_manifest(folder)) for folder in folders]
    models = [next(iter(made.values()))["model"]["name"] for made in manifests]
    names = models if len(set(models)) == len(models) else [folder.name for folder in folders]
    names = names if len(set(names)) == len(names) else [str(folder) for folder in folders]
    if len(set(names)) < len(names):
        raise UserError(f"{next(name for name in names if names.count(name) > 1)} is named twice; give each run once")
    if GOLD in names:
        raise UserError(f"a run is called {GOLD!r}, as the data set's own explanations are; rename its folder")
    runs = []
    for name, folder, made in zip(names, folders, manifests, strict=True):
        samples: dict[str, Samples] = {task: {} for task in made}
        for sample in each_sample(folder):
            samples[sample.get("task", next(iter(made)))][sample["id"]] = sample
        runs.append(Run(name, folder, made, samples))
    return runs
