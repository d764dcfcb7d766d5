"""chrF of all pairs is sacrebleu's; the medoid is the text most like the others."""

import random

import numpy as np
import pytest
import sacrebleu

from eval.explanations.pairwise_chrf import mean_pairwise_chrf, medoid, pairwise_chrf


def test_it_is_sacrebleus_sentence_score() -> None:
    generator = random.Random(0)
    texts = ["".join(generator.choices("我很累不想活了 ab\n", k=generator.randrange(0, 40))) for _ in range(25)]
    texts += ["", " ", "累", "累累累累累累累累", "The poster is tired.", "the poster  is tired"]
    expected = [[sacrebleu.sentence_chrf(one, [other]).score / 100 for other in texts] for one in texts]
    assert np.allclose(pairwise_chrf(texts), expected, atol=1e-9)


def test_the_mean_leaves_out_a_text_against_itself() -> None:
    assert mean_pairwise_chrf(["累"]) is None and mean_pairwise_chrf([]) is None
    assert mean_pairwise_chrf(["一直很累", "一直很累"]) == pytest.approx(1)
    assert mean_pairwise_chrf(["一直很累", "今天放晴"]) == 0
    three = mean_pairwise_chrf(["一直很累", "一直很累", "今天放晴"])
    assert three == pytest.approx(1 / 3)


def test_the_medoid_is_the_most_ordinary_text() -> None:
    texts = ["今天天气不错", "作者感到疲惫和绝望", "作者感到疲惫", "作者感到绝望"]
    assert texts[medoid(texts)] == "作者感到疲惫和绝望"
    assert medoid(["累"]) == 0
