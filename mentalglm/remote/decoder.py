"""From texts to analyses through endpoints; stands where `decoding.decoder.Decoder` stands for a loaded model."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.answer import Answer
from mentalglm.calibration import Calibration
from mentalglm.decoding.merge import WindowAnswer, merge_windows
from mentalglm.endpoint import Refused, Unreachable
from mentalglm.errors import UserError
from mentalglm.prompt import build_messages
from mentalglm.remote.abilities import Abilities, find_abilities
from mentalglm.remote.background import Background
from mentalglm.remote.pool import Line, Pool
from mentalglm.remote.probabilities import probabilities_of
from mentalglm.remote.window import Heard, Watch, WindowAsker
from mentalglm.special_tokens import break_special_tokens
from mentalglm.tasks import Task, prompt_hash

# An endpoint's tokens are not known here: windows are measured in characters, and made smaller where they are refused.
MAX_CHARACTERS, _MIN_CHARACTERS = 4000, 250
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class RemoteDecoder:
    """Answers tasks with one model behind one or several endpoints.

    Attributes:
        line: How they are reached.

    Args:
        line: Likewise.
        trained_length: The longest sequence the model was trained on, in tokens, where that is known.
    """

    def __init__(self, line: Line, trained_length: int | None = None) -> None:
        self.line = line
        self._background = Background()
        self._opening: asyncio.Task[tuple[Pool, Abilities]] | None = None
        # A token is seldom less than a character, and the question and the answer want room too.
        room = MAX_CHARACTERS if trained_length is None else trained_length * 3 // 4
        self._characters = max(_MIN_CHARACTERS, min(MAX_CHARACTERS, room))

    @property
    def places(self) -> int:
        """How many requests may be under way."""
        return self.line.concurrency * len(self.line.destinations)

    def answer(
        self,
        texts: list[str],
        task: Task,
        style: str,
        calibration: Calibration,
        batch_size: int,
        labels_only: bool,
        watch: Watch = None,
    ) -> list[Analysis | ErrorInfo]:
        """One analysis per text, in order; or why a text got none.

        Args:
            texts: The posts.
            task: The task asked.
            style: The style asked in.
            calibration: Of the model served.
            batch_size: Of no meaning here; as many are asked about at once as the endpoints have places.
            labels_only: Leave evidence and explanation out.
            watch: Called with the answer so far while it is written, where there is but one window to answer.

        Raises:
            UserError: The endpoints answer nothing at all, or nothing of the kind.
        """

        async def ask_all() -> list[Analysis | ErrorInfo]:
            pool, abilities = await self._open()
            asker = WindowAsker(pool, abilities, task, style, calibration)

            async def ask(text: str) -> Analysis | ErrorInfo:
                replies = pool.replies
                try:
                    heard = await self._hear(text, asker, labels_only, watch if len(texts) == 1 else None)
                except Refused as error:
                    return ErrorInfo(code="endpoint_refused", message=str(error))
                except Unreachable as error:
                    if pool.replies == replies:  # nor did anybody else get a reply meanwhile
                        raise self._silent(error) from None
                    return ErrorInfo(code="no_reply", message=f"no reply to this row after every try ({error})")
                return self._merge(text, heard, task, style, calibration, labels_only)

            return await _each(texts, ask, self.places)

        return self._background.run(ask_all())

    def scores(self, texts: list[str], task: Task, style: str, batch_size: int) -> list[list[float]]:
        """The uncalibrated label scores of every text; of a long text, its first window's.

        Raises:
            UserError: The endpoint does not tell the probability of every label.
        """

        async def ask_all() -> list[list[float]]:
            pool, abilities = await self._open()
            asker = WindowAsker(pool, abilities, task, style, Calibration())

            async def ask(text: str) -> list[float]:
                sent = break_special_tokens(windows_of(text, self._characters)[0]).text
                found = await asker.scores(build_messages(sent, task, style)) if abilities.chances else {}
                if set(found) != set(task.label_names):
                    raise UserError(f"{self._where} does not tell the probability of every label of {task.name}")
                return [found[name] for name in task.label_names]

            return await _each(texts, ask, self.places)

        return self._background.run(ask_all())

    def close(self) -> None:
        """Closes the connections."""

        async def close() -> None:
            if self._opening is not None and self._opening.done() and self._opening.exception() is None:
                await self._opening.result()[0].close()
            self._opening = None

        self._background.run(close())
        self._background.close()

    async def _hear(self, text: str, asker: WindowAsker, labels_only: bool, watch: Watch) -> list[tuple[str, Heard]]:
        size = self._characters
        while True:
            try:
                parts = windows_of(text, size)
                seen = watch if len(parts) == 1 else None
                heard = [(part, await asker.ask(part, labels_only, seen)) for part in parts]
            except Refused:
                # Most often because the model's context is shorter.
                if min(size, len(text)) <= _MIN_CHARACTERS:
                    raise
                size = max(_MIN_CHARACTERS, min(size, len(text)) // 2)
            else:
                self._characters = min(self._characters, size)  # what was found out holds for the posts to come
                return heard

    async def _open(self) -> tuple[Pool, Abilities]:
        """The pool and what it can do, found out once; a failure is not kept."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._find())
        try:
            return await asyncio.shield(self._opening)
        except BaseException:
            if self._opening is not None and self._opening.done():
                self._opening = None
            raise

    async def _find(self) -> tuple[Pool, Abilities]:
        pool = Pool(self.line)
        await pool.open()
        try:
            return pool, await find_abilities(pool)
        except Unreachable as error:
            await pool.close()
            raise self._silent(error) from None
        except Refused as error:
            await pool.close()
            raise UserError(f"{self._where}, model {self.line.model!r}: {error}") from None
        except BaseException:
            await pool.close()
            raise

    def _merge(
        self,
        text: str,
        heard: list[tuple[str, Heard]],
        task: Task,
        style: str,
        calibration: Calibration,
        labels_only: bool,
    ) -> Analysis:
        parts = []
        for words, said in heard:
            if said.scores:
                row = probabilities_of(said.scores, task, calibration)
            else:  # only what windows are weighed by
                row = [float(said.answer is not None and name in said.answer.labels) for name in task.label_names]
            answer = said.answer and _in_order(said.answer, task)
            parts.append(WindowAnswer(words, answer, row))
        merged = merge_windows(
            text,
            parts,
            task,
            labels_only,
            model=self.line.model,
            prompt_hash=prompt_hash(task, style),
            # Where probabilities are not told there is nothing to hold a decision back by.
            calibration=calibration if any(said.scores for _, said in heard) else None,
        )
        for name, p in merged.probabilities.items():
            told = [name in said.scores for _, said in heard]
            if not any(told) or (not all(told) and not p):
                merged.probabilities[name] = None
        return merged

    @property
    def _where(self) -> str:
        return "endpoint " + ", ".join(place.url for place in self.line.destinations)

    def _silent(self, error: Unreachable) -> UserError:
        return UserError(f"{self._where} does not answer ({error}); see that it runs, then run this again", "no_reply")


def windows_of(text: str, size: int) -> list[str]:
    """Stretches of at most ``size`` characters that overlap by a quarter; the text itself if it fits."""
    step = size * 3 // 4
    last = max(0, len(text) - size)
    return [text[start : start + size] for start in range(0, last + step, step)] if last else [text]


async def _each(items: Sequence[_In], work: Callable[[_In], Awaitable[_Out]], at_once: int) -> list[_Out]:
    """``work`` done for every item, ``at_once`` at a time; the first failure ends the others."""
    results: dict[int, _Out] = {}
    queue = iter(enumerate(items))

    async def hand() -> None:
        for place, item in queue:
            results[place] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(hand())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [results[place] for place in range(len(items))]


def _in_order(answer: Answer, task: Task) -> Answer:
    labels = tuple(name for name in task.label_names if name in answer.labels)
    return Answer(labels, answer.evidence, answer.explanation)
