"""The rows of a run over an endpoint: read from a file, settled some at a time, written in their order."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from instructions.explain.asking import Outcome
from instructions.explain.progress import Progress
from instructions.records import Record, read_records
from mentalglm.endpoint import Refused, Unreachable
from mentalglm.errors import UserError
from mentalglm.tasks import task_names

# So many rows in a row without any reply, and the endpoint is not worth asking further.
_ENOUGH = 10


@dataclass
class Endings:
    """How rows ended.

    Attributes:
        outcomes: Of every row that got its replies.
        unanswered: The others, with the reason.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    unanswered: dict[str, str] = field(default_factory=dict)

    def reason(self, row_id: str) -> str | None:
        """Why a row has no value; None where it has one or was not asked."""
        if row_id in self.unanswered:
            return self.unanswered[row_id]
        outcome = self.outcomes.get(row_id)
        return "; ".join(outcome.problems) if outcome is not None and outcome.value is None else None


def require_tasks(records: Iterable[Record]) -> None:
    """Refuses records of a task that nobody has described.

    Raises:
        UserError: There are some.
    """
    unknown = sorted({record.task for record in records} - set(task_names()))
    if unknown:
        raise UserError(
            f"unknown task {unknown[0]!r}; name the folder of its YAML with --tasks, such as a build's tasks/"
        )


def read_rows(path: Path) -> tuple[list[Record], dict[str, str]]:
    """The records of a file in their order, and the lines that are none with their reasons.

    Raises:
        UserError: The file cannot be read, or an id stands twice.
    """
    records: dict[str, Record] = {}
    faults: dict[str, str] = {}
    for number, record in read_records(path):
        if isinstance(record, str):
            faults[f"{path.name}:{number}"] = record
        elif record.id in records:
            raise UserError(f"{path}: line {number}: the id {record.id!r} stands twice; ids must be unique in a file")
        else:
            records[record.id] = record
    return list(records.values()), faults


async def settle_rows(
    rows: Iterable[Record], settle: Callable[[Record], Awaitable[Outcome]], at_once: int, progress: Progress
) -> Endings:
    """Settles rows, ``at_once`` at a time, in their order.

    Raises:
        UserError: The endpoint answers nothing; what has been answered is in the ledger.
    """
    endings, waiting, silent = Endings(), iter(rows), 0

    async def work() -> None:
        nonlocal silent
        for row in waiting:
            try:
                outcome = await settle(row)
            except (Refused, Unreachable) as error:
                silent += 1
                endings.unanswered[row.id] = f"no reply: {error}"
                if silent >= _ENOUGH:
                    raise UserError(
                        f"{silent} rows in a row got no reply (the last: {error}); "
                        "mend that and run the same command again, it goes on where it stopped"
                    ) from None
                progress.count(False)
                continue
            silent = 0
            endings.outcomes[row.id] = outcome
            progress.count(outcome.value is not None)

    workers = [asyncio.create_task(work()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return endings
