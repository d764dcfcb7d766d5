"""A post's labels, evidence and explanation are the same alone and in any batch."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.analyzer import Analyzer
from mentalglm.decoding.decoder import Decoder
from mentalglm.decoding.engine import read_by_torch
from mentalglm.models import EMBEDDED
from tests.tiny import SENTENCES

RECORDS = Path(__file__).parents[2] / "instructions" / "open" / "records" / "suicide_risk.jsonl"


def open_posts() -> list[str]:
    rows = [json.loads(line) for line in RECORDS.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["split"] == "test"]
    return [texts[k % len(texts)] + ("" if k < len(texts) else SENTENCES[k % len(SENTENCES)]) for k in range(200)]


@pytest.mark.slow
@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="a clone without the embedded model")
@pytest.mark.parametrize("task", ["suicide_level", "cognitive_distortion"])
def test_200_posts_of_the_open_corpus_in_random_batches(task: str) -> None:
    """Bit for bit, by ONNX Runtime: see ``test_onnx``. Counted, not shown."""
    pytest.importorskip("onnxruntime")
    posts = open_posts()
    analyzer = Analyzer.load(device="cpu")
    whole = analyzer.analyze(posts, [task])
    draw = random.Random(0)
    order = draw.sample(range(len(posts)), len(posts))
    differing = []
    while order:
        places, order = order[: (size := draw.choice([1, 1, 2, 3, 7, 20, 40]))], order[size:]
        analyzer.batch_size = draw.choice([1, 4, 32])
        answers = analyzer.analyze([posts[place] for place in places], [task])
        differing += [place for place, answer in zip(places, answers, strict=True) if answer != whole[place]]
    assert differing == []


def test_batches_change_nothing_by_torch_either(model_folder: Path, monkeypatch: Any) -> None:
    """By torch, products of matrices may differ in the last bits: 1e-4 in a log probability, as ``test_context``."""
    monkeypatch.setattr("mentalglm.decoding.decoder.MAX_ANSWER_TOKENS", 40)
    analyzer = Analyzer.load(str(model_folder), device="cpu")
    posts = [SENTENCES[k] * (1 + k % 4) for k in range(12)]
    whole = analyzer.analyze(posts, ["suicide_risk"])
    for place in (0, 3, 11):
        alone = analyzer.analyze(posts[place], "suicide_risk")
        assert alone.labels == whole[place].labels and alone.evidence == whole[place].evidence
        assert alone.explanation == whole[place].explanation
        assert alone.probabilities == pytest.approx(whole[place].probabilities, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="a clone without the embedded model")
def test_both_engines_give_the_same_answers() -> None:
    pytest.importorskip("onnxruntime")
    posts = open_posts()[:24]
    fast, plain = Analyzer.load(device="cpu"), Analyzer.load(device="cpu")
    decoder = plain._decoder
    assert isinstance(decoder, Decoder)
    decoder._read = read_by_torch(decoder.model)
    with torch.inference_mode():
        for a, b in zip(fast.analyze(posts, "all"), plain.analyze(posts, "all"), strict=True):
            assert (a.labels, a.evidence, a.explanation) == (b.labels, b.evidence, b.explanation)
            assert a.probabilities == pytest.approx(b.probabilities, abs=1e-4)
