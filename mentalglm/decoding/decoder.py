"""From texts to analyses with one loaded model: windows, batches, label scores, grounded answers."""

from dataclasses import dataclass

import torch

from mentalglm.analysis import Analysis
from mentalglm.answer import Answer, parse_answer, render_head
from mentalglm.calibration import Calibration
from mentalglm.decoding.context import Context, read
from mentalglm.decoding.generate import generate, make_grammar_tokenizer
from mentalglm.decoding.grammar import answer_grammar
from mentalglm.decoding.labels import decide, label_probabilities, label_scores
from mentalglm.decoding.merge import WindowAnswer, merge_windows
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

    @torch.inference_mode()
    def answer(
        self, texts: list[str], task: Task, style: str, calibration: Calibration, batch_size: int, labels_only: bool
    ) -> list[Analysis]:
        """One analysis per text, in order; relations between tasks are not set here."""
        windows = [window for row, text in enumerate(texts) for window in self._windows(row, text, task, style)]
        answered: list[list[WindowAnswer]] = [[] for _ in texts]
        done: dict[int, WindowAnswer] = {}
        for places in _batches([len(window.prompt) for window in windows], batch_size):
            batch = [windows[place] for place in places]
            answers = self._answer_batch(batch, task, style, calibration, labels_only)
            done.update(zip(places, answers, strict=True))
        for place, window in enumerate(windows):
            answered[window.row].append(done[place])
        return [
            merge_windows(text, parts, task, labels_only, model=self.name, prompt_hash=prompt_hash(task, style))
            for text, parts in zip(texts, answered, strict=True)
        ]

    @torch.inference_mode()
    def scores(self, texts: list[str], task: Task, style: str, batch_size: int) -> list[list[float]]:
        """The uncalibrated label scores of every text; of a long text, its first window's."""
        windows = [self._windows(row, text, task, style)[0] for row, text in enumerate(texts)]
        found: dict[int, list[float]] = {}
        for places in _batches([len(window.prompt) for window in windows], batch_size):
            context = read(self.model, [windows[place].prompt for place in places])
            scores = label_scores(context, task, style, self.tokenizer).tolist()
            found.update(zip(places, scores, strict=True))
        return [found[row] for row in range(len(texts))]

    def _windows(self, row: int, text: str, task: Task, style: str) -> list[_Window]:
        question = len(self._prompt("", task, style))
        room = max(16, self.context_length - question - MAX_ANSWER_TOKENS)
        return [
            _Window(row, part, self._prompt(part, task, style)) for part in split_windows(text, self.tokenizer, room)
        ]

    def _prompt(self, text: str, task: Task, style: str) -> list[int]:
        return encode_prompt(self.tokenizer, build_messages(text, task, style))

    def _answer_batch(
        self, batch: list[_Window], task: Task, style: str, calibration: Calibration, labels_only: bool
    ) -> list[WindowAnswer]:
        context = read(self.model, [window.prompt for window in batch])
        scores = label_scores(context, task, style, self.tokenizer)
        probabilities = label_probabilities(scores, task, calibration).tolist()
        # A model whose scores are not numbers has said nothing: unparsed, never "no risk".
        sound = torch.isfinite(scores).all(dim=1).tolist()
        labels = [decide(row, task, calibration) for row in probabilities]
        answers: list[Answer | None]
        if labels_only:
            answers = [Answer(tuple(chosen)) for chosen in labels]
        else:
            answers = self._write(context, batch, labels, task, style)
        return [
            WindowAnswer(window.text, answer if ok else None, row)
            for window, answer, ok, row in zip(batch, answers, sound, probabilities, strict=True)
        ]

    def _write(
        self, context: Context, batch: list[_Window], labels: list[list[str]], task: Task, style: str
    ) -> list[Answer | None]:
        heads = [render_head(tuple(chosen), task, style) for chosen in labels]
        context.append([encode_text(self.tokenizer, head) for head in heads])
        grammars = [
            answer_grammar(window.text, chosen, task, style) for window, chosen in zip(batch, labels, strict=True)
        ]
        rests = generate(context, grammars, self._grammar_tokenizer, self._decode, self.stop_ids, MAX_ANSWER_TOKENS)
        return [parse_answer(head + rest, task, style) for head, rest in zip(heads, rests, strict=True)]

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).rstrip("\ufffd")


def _batches(lengths: list[int], batch_size: int) -> list[list[int]]:
    """Places sorted by length, so that a batch pads little, in groups of ``batch_size``."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
