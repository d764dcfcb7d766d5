"""Builds an instruction corpus from one config: gather, examine, screen, mix, word, write, say what was left out."""

import gc
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from instructions.card import card
from instructions.config import Config
from instructions.examine import examine
from instructions.gather import Gathered, gather
from instructions.heldout import text_keys
from instructions.instruction import Instruction, dialogue_of, instruction_of
from instructions.mixture import mix
from instructions.order import order_key
from instructions.plots import draw_corpus
from instructions.records import Record
from instructions.screen import Row, Screened, screen
from instructions.write import (
    SPLITS,
    dataset_info,
    make_folder,
    unfinished,
    write_dataset,
    write_folder,
    write_quarantine,
    write_records,
    write_text,
)
from mentalglm.errors import UserError
from mentalglm.tasks import TASKS, Task, add_task, keep_task, load_task, shipped_task_names, task_from
from mentalglm.yaml_files import read_yaml


@dataclass
class Built:
    """What a build made.

    Attributes:
        rows: The instructions, in their order.
        gathered: What it started from.
        screened: What passed and what did not.
        digest: The corpus's hash.
        seconds: How long each stage took.
    """

    rows: list[Instruction]
    gathered: Gathered
    screened: Screened
    digest: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def quarantined(self) -> list[tuple[str, str, str]]:
        """(id, source, reason) of every row that was left out for a fault."""
        return sorted(self.gathered.faults + self.screened.quarantined)


def build(
    config_path: Path,
    data: Path,
    out: Path,
    strict: bool = False,
    records_to: Path | None = None,
    processes: int | None = None,
) -> Built:
    """Builds the corpus that ``config_path`` describes into ``out``; the same inputs give the same hash.

    Args:
        config_path: The build's YAML.
        data: The folder that sources' files are relative to.
        out: Where the corpus goes; made if absent. Files of an earlier build are replaced.
        strict: Whether a missing or changed file stops the build before anything is written.
        records_to: Where to write every record that passed, before the mixture; nowhere if not given.
        processes: How many processes check rows; by default one per core.

    Raises:
        UserError: The config is wrong, a file is broken as a whole or, under ``strict``, missing or changed, or there
            are too few rows.
    """
    with _no_collection():
        return _build(config_path, data, out, strict, records_to, processes)


def _build(
    config_path: Path, data: Path, out: Path, strict: bool, records_to: Path | None, processes: int | None
) -> Built:
    config: Config = read_yaml(config_path, Config)
    own_tasks = [task_from(task, f"{config_path}: tasks") for task in config.tasks]
    for task in own_tasks:
        add_task(task)
    _check_tasks(config)
    seconds: dict[str, float] = {}
    with _timed(seconds, "gather"):
        gathered = gather(config, config_path.parent, data)
    if strict and (gathered.missing or gathered.changed):
        wrong = [f"missing: {file}" for file in gathered.missing] + [f"changed: {file}" for file in gathered.changed]
        raise UserError(f"{'; '.join(wrong)} (below {data}); fetch them, or build without --strict")
    with _timed(seconds, "examine"):
        heldout = frozenset(gathered.heldout_keys.union(*map(text_keys, gathered.heldout_texts)))
        verdicts = examine(gathered.candidates, config, heldout, own_tasks, processes)
    with _timed(seconds, "screen"):
        screened = screen(gathered.candidates, verdicts, config, gathered.heldout_texts)
    with _timed(seconds, "mix"):
        drawn = mix(screened.rows, config.mixture, config.style, config.seed)
    with _timed(seconds, "word"):
        weight, whole = config.mixture.label_only_weight, config.mixture.answers == "whole"
        rows = [instruction_of(one, config.style, config.seed, weight, whole) for one in drawn]
        rows += [dialogue_of(one, gathered.origins[one.source].language) for one in gathered.dialogues]
        rows.sort(key=lambda row: order_key(config.seed, row.id))
    built = Built(rows, gathered, screened, seconds=seconds)
    if not rows:
        reason = f"missing: {'; '.join(gathered.missing)}" if gathered.missing else ""
        reason = reason or f"{len(built.quarantined)} rows quarantined"
        raise UserError(f"{config_path}: no row to write ({reason}); check --data {data}")
    with _timed(seconds, "write"):
        make_folder(out)
        with unfinished(out):
            _write(config, built, own_tasks, out)
        if records_to is not None:
            write_records(records_to, map(_told, screened.rows))
    return built


def _check_tasks(config: Config) -> None:
    for part in config.records:
        for name in part.tasks:
            load_task(name)
    known = {style for name in shipped_task_names() for style in load_task(name).styles}
    if config.style not in known:
        raise UserError(f"style: {config.style!r} is no task's style; the styles are {', '.join(sorted(known))}")


def _write(config: Config, built: Built, own_tasks: list[Task], out: Path) -> None:
    built.digest = write_folder(out, config.name, built.rows, _taught(config, built.rows))
    _write_own_tasks(out, own_tasks)
    for old in out.iterdir():
        if (old / "corpus.sha256").is_file() and old.name not in {stage.name for stage in config.stages}:
            shutil.rmtree(old)  # a stage of an earlier build
    files = {f"{config.name}_{split}": f"{split}.parquet" for split in SPLITS if (out / f"{split}.parquet").is_file()}
    for stage in config.stages:
        rows = [row for row in built.rows if row.language in stage.languages]
        write_folder(out / stage.name, f"{config.name}_{stage.name}", rows, _taught(config, rows))
        _write_own_tasks(out / stage.name, own_tasks)
        for split in SPLITS:
            if (out / stage.name / f"{split}.parquet").is_file():
                files[f"{config.name}_{stage.name}_{split}"] = f"{stage.name}/{split}.parquet"
    write_text(out / "dataset_info.json", dataset_info(files))
    write_dataset(out / "dataset", {s: out / f"{s}.parquet" for s in SPLITS if (out / f"{s}.parquet").is_file()})
    write_quarantine(out / "quarantine.jsonl", built.quarantined, built.screened.without)
    pictures = draw_corpus(built.rows, out / "figures")
    write_text(out / "README.md", card(config, built.rows, built.gathered, built.screened, built.digest, pictures))


def _taught(config: Config, rows: list[Instruction]) -> dict[str, object]:
    """What a model trained on the rows will say of itself."""
    named = [task for part in config.records for task in part.tasks]
    taught = {row.task for row in rows} - {"dialogue"}
    tasks = sorted(taught, key=lambda task: (named.index(task) if task in named else len(named), task))
    return {"style": config.style if tasks else None, "tasks": tasks}


def _told(row: Row) -> Record:
    """A record that says itself whether its evidence was marked, for whoever reads it again."""
    if row.evidence_marked:
        return row.record
    return row.record.model_copy(update={"meta": {**row.record.meta, "evidence_marked": False}})


def _write_own_tasks(folder: Path, own_tasks: list[Task]) -> None:
    shutil.rmtree(folder / TASKS, ignore_errors=True)
    for task in own_tasks:
        keep_task(folder, task.name)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pauses the garbage collector: a build makes millions of objects that live to its end, and no cycles among them.

    Walking them again and again made the cost of 500,000 rows grow faster than their number.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Times a stage, and says on a terminal which one is at work."""
    if sys.stderr.isatty():
        print(f"{stage} …", file=sys.stderr, flush=True)
    start = perf_counter()
    yield
    seconds[stage] = perf_counter() - start
