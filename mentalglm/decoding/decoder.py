"""From texts to analyses with one loaded model: windows, batches, label scores, grounded answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from mentalglm.analysis import Analysis
from mentalglm.answer import Answer, parse_answer, render_head
from mentalglm.calibration import Calibration
from mentalglm.decoding.batches import batches_of, with_less_memory
from mentalglm.decoding.engine import Read, reader_of
from mentalglm.decoding.generate import Row, Writer, make_grammar_tokenizer
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.decoding.labels import decide, label_probabilities, label_scores
from mentalglm.decoding.merge import WindowAnswer, merge_windows
from mentalglm.decoding.reading import Reading
from mentalglm.decoding.untaught_evidence import (
    MAX_EVIDENCE_TOKENS,
    evidence_row,
    is_untaught,
    quote_evidence,
    with_evidence,
)
from mentalglm.decoding.windows import split_windows
from mentalglm.models import LoadedModel
from mentalglm.prompt import build_messages, encode_prompt, encode_text, stop_token_id
from mentalglm.tasks import Task, prompt_hash

MAX_ANSWER_TOKENS = 192


@dataclass(frozen=True)
class _Window:
    row: int
    text: str
    prompt: list[int]


class Decoder:
    """Answers tasks with one model."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.name = loaded.name
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        ends = loaded.model.generation_config.eos_token_id
        known = ends if isinstance(ends, list) else [ends]
        self.stop_ids = sorted({stop_token_id(self.tokenizer), *(token for token in known if token is not None)})
        self._grammar_tokenizer = make_grammar_tokenizer(
            self.tokenizer, self.stop_ids, loaded.model.get_output_embeddings().weight.shape[0]
        )
        # A model is only trusted on lengths it was trained on.
        trained = loaded.manifest.max_seq_length
        self.context_length = min(loaded.model.config.max_position_embeddings, trained or 2**31)

    @cached_property
    def _read(self) -> Read:
        return reader_of(self.model)

    @torch.inference_mode()
    def answer(
        self,
        texts: list[str],
        task: Task,
        style: str,
        calibration: Calibration,
        batch_size: int,
        labels_only: bool,
        watch: Callable[[str], None] | None = None,
    ) -> list[Analysis]:
        """One analysis per text, in order; relations between tasks are not set here.

        Args:
            texts: The posts.
            task: What is asked.
            style: How it is asked.
            calibration: Of the task.
            batch_size: Posts of middling length read at once; short ones go in larger batches.
            labels_only: Leave evidence and explanation out.
            watch: Called with the answer so far while it is written, where there is but one window to answer.
        """
        room = self._room(task, style)
        windows = [window for row, text in enumerate(texts) for window in self._windows(row, text, task, style, room)]
        done: dict[int, WindowAnswer] = {}

        def work(left: list[int], tokens: int) -> None:
            batches = batches_of({place: len(windows[place].prompt) for place in left}, tokens)
            for place, answer in self._answers(windows, batches, task, style, calibration, labels_only, watch):
                done[place] = answer

        with_less_memory(work, lambda: [place for place in range(len(windows)) if place not in done], batch_size)
        if not labels_only and is_untaught(task, style):
            self._add_evidence(windows, done, task, style, batch_size)
        answered: list[list[WindowAnswer]] = [[] for _ in texts]
        for place, window in enumerate(windows):
            answered[window.row].append(done[place])
        asked = prompt_hash(task, style)
        return [
            merge_windows(text, parts, task, labels_only, model=self.name, prompt_hash=asked, calibration=calibration)
            for text, parts in zip(texts, answered, strict=True)
        ]

    @torch.inference_mode()
    def scores(self, texts: list[str], task: Task, style: str, batch_size: int) -> list[list[float]]:
        """The uncalibrated label scores of every text; of a long text, its first window's."""
        room = self._room(task, style)
        windows = [self._windows(row, text, task, style, room)[0] for row, text in enumerate(texts)]
        found: dict[int, list[float]] = {}

        def work(left: list[int], tokens: int) -> None:
            for places in batches_of({place: len(windows[place].prompt) for place in left}, tokens):
                context = self._read([windows[place].prompt for place in places])
                scores = label_scores(context, task, style, self.tokenizer).tolist()
                found.update(zip(places, scores, strict=True))

        with_less_memory(work, lambda: [place for place in range(len(windows)) if place not in found], batch_size)
        return [found[row] for row in range(len(texts))]

    def _room(self, task: Task, style: str) -> int:
        """The tokens of a post that the model can read with question and answer."""
        room: int = self.context_length - len(self._prompt("", task, style)) - MAX_ANSWER_TOKENS
        return max(16, room)

    def _windows(self, row: int, text: str, task: Task, style: str, room: int) -> list[_Window]:
        return [
            _Window(row, part, self._prompt(part, task, style)) for part in split_windows(text, self.tokenizer, room)
        ]

    def _prompt(self, text: str, task: Task, style: str) -> list[int]:
        return encode_prompt(self.tokenizer, build_messages(text, task, style))

    def _answers(
        self,
        windows: list[_Window],
        batches: list[list[int]],
        task: Task,
        style: str,
        calibration: Calibration,
        labels_only: bool,
        watch: Callable[[str], None] | None,
    ) -> Iterator[tuple[int, WindowAnswer]]:
        """The answers of the windows at the places in ``batches``, with their places, in the order they are done."""
        read: dict[int, tuple[list[str], list[float]]] = {}  # labels and probabilities that await their explanation

        def labelled(places: list[int]) -> tuple[Reading, list[list[str]], list[bool]]:
            context = self._read([windows[place].prompt for place in places])
            scores = label_scores(context, task, style, self.tokenizer)
            probabilities = label_probabilities(scores, task, calibration).tolist()
            labels = [decide(row, task, calibration) for row in probabilities]
            read.update(zip(places, zip(labels, probabilities, strict=True), strict=True))
            # A model whose scores are not numbers has said nothing: unparsed, never "no risk".
            return context, labels, torch.isfinite(scores).all(dim=1).tolist()

        def answered(place: int, answer: Answer | None) -> tuple[int, WindowAnswer]:
            return place, WindowAnswer(windows[place].text, answer, read.pop(place)[1])

        if labels_only:
            for places in batches:
                _, labels, sound = labelled(places)
                for place, chosen, ok in zip(places, labels, sound, strict=True):
                    yield answered(place, Answer(tuple(chosen)) if ok else None)
            return

        def show(row: Row) -> None:
            if watch is not None:
                watch(render_head(tuple(read[row.place][0]), task, style) + self._decode(row.written))

        unsound: list[int] = []

        def to_write() -> Iterator[tuple[Reading, list[Row]]]:
            for places in batches:
                context, labels, sound = labelled(places)
                unsound.extend(place for place, ok in zip(places, sound, strict=True) if not ok)
                yield (
                    context,
                    [
                        Row(
                            answer_grammar(windows[place].text, chosen, task, style),
                            encode_text(self.tokenizer, render_head(tuple(chosen), task, style)),
                            task.styles[style].reason,
                            place,
                            watch=show if watch is not None and len(windows) == 1 else None,
                        )
                        for place, chosen in zip(places, labels, strict=True)
                    ],
                )

        writer = Writer(self._grammar_tokenizer, self._decode, self.stop_ids, MAX_ANSWER_TOKENS)
        for row in writer.write(to_write(), max(map(len, batches), default=0)):
            head = render_head(tuple(read[row.place][0]), task, style)
            answer = parse_answer(head + self._decode(row.written), task, style)
            yield answered(row.place, None if row.place in unsound else answer)

    def _add_evidence(
        self, windows: list[_Window], done: dict[int, WindowAnswer], task: Task, style: str, batch_size: int
    ) -> None:
        asked, found = with_evidence(task, style), set()
        wanted = {place for place, answer in done.items() if answer.answer is not None and answer.answer.labels}

        def work(left: list[int], tokens: int) -> None:
            batches = batches_of({place: len(windows[place].prompt) for place in left}, tokens)

            def to_write() -> Iterator[tuple[Reading, list[Row]]]:
                for places in batches:
                    encode = partial(encode_text, self.tokenizer)
                    rows = [evidence_row(done[place], asked, style, encode, place) for place in places]
                    yield self._read([windows[place].prompt for place in places]), rows

            writer = Writer(self._grammar_tokenizer, self._decode, self.stop_ids, MAX_EVIDENCE_TOKENS)
            at_once = max(map(len, batches), default=0)
            for place, answer in quote_evidence(done, to_write(), at_once, writer, self._decode, asked, style):
                done[place] = answer
                found.add(place)

        with_less_memory(work, lambda: sorted(wanted - found), batch_size)

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).rstrip("\ufffd")
