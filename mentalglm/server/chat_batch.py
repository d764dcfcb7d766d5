"""Chats answered together, token by token; a new one joins while others are half-way, and leaves when it is done."""

import torch

from mentalglm.decoding.context import Context, read
from mentalglm.decoding.decoder import Decoder
from mentalglm.decoding.generate import make_grammar_tokenizer
from mentalglm.models import LoadedModel
from mentalglm.prompt import encode_prompt, encode_text
from mentalglm.server.chat_job import CANCELLED, ChatJob, Started
from mentalglm.server.chat_row import ChatRow
from mentalglm.server.problem import Problem, of_internal


class ChatBatch:
    """The chats in hand. All but ``grammar_tokenizer`` belongs to the worker's thread.

    Attributes:
        rows: The chats that are being answered, in the order of the context's rows.
        grammar_tokenizer: What grammars are read with.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.rows: list[ChatRow] = []
        self._model, self._tokenizer = loaded.model, loaded.tokenizer
        self._stop_ids = Decoder(loaded).stop_ids
        width = loaded.model.get_output_embeddings().weight.shape[0]
        self.grammar_tokenizer = make_grammar_tokenizer(self._tokenizer, self._stop_ids, width)
        # A chat may be longer than what the model was trained on, but not longer than it can be told apart.
        self.context_length = int(loaded.model.config.max_position_embeddings)
        self._context: Context | None = None

    @torch.inference_mode()
    def add(self, job: ChatJob) -> int:
        """Reads the prompt of one more chat; one that cannot be answered is told so.

        Returns:
            The tokens read.
        """
        try:
            prompt = self._encode(job)
            joined = read(self._model, [prompt])
            if self._context is None:
                self._context = joined
            else:
                self._context.join(joined)
        except Problem as problem:
            job.emit(problem)
            return 0
        except Exception as error:  # a model may fail in any way, such as for want of memory; the others go on
            job.emit(of_internal(error))
            return 0
        room = min(job.max_tokens, self.context_length - len(prompt))
        self.rows.append(ChatRow(job, room, self._stop_ids, self._decode, self._raw))
        job.emit(Started(len(prompt)))
        return len(prompt)

    @torch.inference_mode()
    def step(self) -> int:
        """Writes one token for every chat.

        Returns:
            The tokens written.
        """
        if self._context is None:
            return 0
        for row in self.rows:
            if row.job.cancelled:
                row.fail(CANCELLED)
        self._leave([row for row in self.rows if row.finished])
        if self._context is None:
            return 0
        expected = self._context.logits
        sound = torch.isfinite(expected).all(dim=1).tolist()
        logits = self._under_grammars(expected)
        for place, row in enumerate(self.rows):
            if row.job.matcher is not None and row.job.matcher.is_error():
                row.fail(Problem(400, "grammar_failed", "the grammar is too complex to be followed"))
            elif not sound[place]:
                row.fail(Problem(500, "no_numbers", "the model's output is not a number; load it as fp32"))
            else:
                row.step(expected[place], logits[place])
        written = len(self.rows)
        self._leave([row for row in self.rows if row.finished])
        if self.rows:
            self._context.append([[row.token] for row in self.rows])
        return written

    def drop(self, error: BaseException) -> None:
        """Gives all chats up, after a failure that may have left the context torn."""
        for row in self.rows:
            row.fail(of_internal(error))
        self.rows, self._context = [], None

    def _encode(self, job: ChatJob) -> list[int]:
        messages = job.messages
        try:
            if job.continues:
                begun = encode_text(self._tokenizer, messages[-1]["content"])
                prompt = encode_prompt(self._tokenizer, messages[:-1]) + begun
            else:
                prompt = encode_prompt(self._tokenizer, messages)
        except ValueError as error:  # the template has no place for a role
            raise Problem(400, "unsupported_role", str(error)) from None
        if len(prompt) >= self.context_length:
            counts = f"{len(prompt)} tokens, and the model reads {self.context_length} with its reply"
            raise Problem(400, "context_length_exceeded", f"the messages take {counts}; shorten them")
        return prompt

    def _under_grammars(self, expected: torch.Tensor) -> torch.Tensor:
        """The logits with -inf where a row's grammar admits nothing."""
        held = [(row.job.matcher, place) for place, row in enumerate(self.rows) if row.job.matcher is not None]
        if not held:
            return expected
        width = expected.shape[1]
        bits = torch.full((len(self.rows), (width + 31) // 32), -1, dtype=torch.int32)
        for matcher, place in held:
            row = bits[place]
            matcher.unsafe_compute_mask_ptr(row.data_ptr(), row.numel() * row.element_size())
        admitted = (bits[:, :, None] >> torch.arange(32, dtype=torch.int32)) & 1
        refused = admitted.flatten(1)[:, :width] == 0
        return expected.masked_fill(refused.to(expected.device), float("-inf"))

    def _leave(self, rows: list[ChatRow]) -> None:
        if not rows or self._context is None:
            return
        still = [place for place, row in enumerate(self.rows) if row not in rows]
        self.rows = [self.rows[place] for place in still]
        if self.rows:
            self._context.keep(still)
        else:
            self._context = None

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _raw(self, token: int) -> bytes:
        return bytes(self.grammar_tokenizer.decode_bytes([token]))
