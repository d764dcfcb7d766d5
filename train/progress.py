"""What a run tells: its plan and one sample at the start, a line every few steps, a JSONL log of the same."""

import json
import sys
import time
from typing import Any

from train.config import TrainConfig
from train.data import Example
from train.schedule import learning_rate_at


def show_plan(
    model: Any, tokenizer: Any, examples: list[Example], left_out: int, steps: int, config: TrainConfig
) -> None:
    """Prints the size of the work and one sample, the tokens that the loss counts in brackets."""
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    tokens = sum(len(example.ids) for example in examples)
    say(
        f"{total:,} parameters, {trained:,} trained; {len(examples):,} examples, {tokens:,} tokens; {steps:,} steps"
        + (f"; {left_out:,} rows left out, longer than {config.max_seq_length} tokens" if left_out else "")
    )
    if config.loss_on == "answer" and config.show_sample:
        sample = examples[0]
        say("one sample, scored tokens in brackets:")
        words = [tokenizer.decode([token]) for token in sample.ids.tolist()]
        say("".join(f"[{word}]" if scored else word for word, scored in zip(words, sample.scored, strict=True)))


class StepLog:
    """Prints and stores the course of a run.

    Attributes:
        tokens: Tokens read so far in this process's run, padding included, over all ranks.
    """

    def __init__(self, config: TrainConfig, first_step: int, total_steps: int) -> None:
        self.config, self.first_step, self.total_steps = config, first_step, total_steps
        self.started = time.monotonic()
        self.tokens = 0
        config.output_dir.mkdir(parents=True, exist_ok=True)

    def step(self, step: int, loss: float) -> None:
        """Tells of ``step`` (from 1) if its turn has come."""
        if step % self.config.logging_steps and step != self.total_steps:
            return
        seconds = time.monotonic() - self.started
        left = (self.total_steps - step) * seconds / (step - self.first_step)
        line = {
            "step": step,
            "loss": loss,
            "learning_rate": learning_rate_at(
                step - 1, self.total_steps, self.config.learning_rate, self.config.warmup_ratio
            ),
            "tokens_per_second": self.tokens / seconds,
            "seconds": seconds,
        }
        with (self.config.output_dir / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        rate = self.tokens / seconds
        say(f"step {step}/{self.total_steps}  loss {loss:.4f}  {rate:,.0f} tokens/s  {left / 60:.1f} min left")


def say(text: str) -> None:
    """One line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)
