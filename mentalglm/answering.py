"""What lies between a model's answers to one task and the analyses of a post: relations, bounds, faithfulness."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.calibration import Calibration
from mentalglm.explanations import bounded
from mentalglm.faithfulness import add_faithfulness
from mentalglm.options import Options
from mentalglm.relate import LEVEL, RISK, relate
from mentalglm.remote import RemoteDecoder
from mentalglm.tasks import Task, load_task

if TYPE_CHECKING:
    from mentalglm.decoding.decoder import Decoder


class Answering:
    """Analyses texts.

    Args:
        decoder: Answers one task.
        calibrations: Of the model, by task.
        tasks: What the model was taught; empty for any task.
        style: From a task's name to the style it is asked in.
        batch_size: Posts read at once.
    """

    def __init__(
        self,
        decoder: "Decoder | RemoteDecoder",
        calibrations: Mapping[str, Calibration],
        tasks: Sequence[str],
        style: Callable[[str], str],
        batch_size: int,
    ) -> None:
        self._decoder, self._calibrations, self._tasks = decoder, calibrations, tasks
        self._style, self._batch_size = style, batch_size
        self._one_at_a_time = threading.Lock()

    def each(
        self, texts: list[str], names: list[str], options: Options, watch: Callable[[str], None] | None = None
    ) -> list[list[Analysis] | ErrorInfo]:
        """By text, its analyses in the order of the tasks, or why it has none.

        Args:
            texts: Posts that have been checked.
            names: The tasks.
            options: How.
            watch: Called with the answer so far while it is written, where there is but one to write.
        """
        by_task = {name: self._answer(texts, name, options, watch) for name in names}
        levels = by_task.get(LEVEL)
        if levels is None and RISK in names and (not self._tasks or LEVEL in self._tasks):
            levels = self._answer(texts, LEVEL, {"labels_only": True})
        each: list[list[Analysis] | ErrorInfo] = []
        for row in range(len(texts)):
            found = {name: answers[row] for name, answers in by_task.items()}
            if levels:
                found[LEVEL] = levels[row]
            failure = next((one for one in found.values() if isinstance(one, ErrorInfo)), None)
            if failure is not None:
                each.append(failure)
                continue
            sound = {name: one for name, one in found.items() if isinstance(one, Analysis)}
            relate({name: sound[name] for name in names}, sound.get(LEVEL))
            each.append([sound[name] for name in names])
        return each

    def _answer(
        self, texts: list[str], name: str, options: Options, watch: Callable[[str], None] | None = None
    ) -> list[Analysis | ErrorInfo]:
        task, labels_only = load_task(name), options.get("labels_only", False)
        answers = self._decode(texts, task, labels_only, watch)
        sound = [one for one in answers if isinstance(one, Analysis)]
        for one in sound:
            if one.explanation is not None:
                one.explanation = bounded(one.explanation, options.get("max_explanation_characters"))
        if options.get("faithfulness", False) and not labels_only:
            add_faithfulness(sound, task, lambda changed: self._probabilities(changed, task))
        return answers

    def _probabilities(self, texts: list[str], task: Task) -> list[dict[str, float | None]]:
        unknown: dict[str, float | None] = dict.fromkeys(task.label_names)
        answers = self._decode(texts, task, labels_only=True)
        return [one.probabilities if isinstance(one, Analysis) else unknown for one in answers]

    def _decode(
        self, texts: list[str], task: Task, labels_only: bool, watch: Callable[[str], None] | None = None
    ) -> list[Analysis | ErrorInfo]:
        calibration = self._calibrations.get(task.name, Calibration())
        asked = (texts, task, self._style(task.name), calibration, self._batch_size, labels_only, watch)
        if isinstance(self._decoder, RemoteDecoder):
            return self._decoder.answer(*asked)
        with self._one_at_a_time:
            return list(self._decoder.answer(*asked))
