"""BERTScore against the bert-score package, BARTScore against a plain loop; both where texts are empty or too long."""

import math
from pathlib import Path

import pytest

from eval.explanations.bartscore import bart_scores, load_bart_scorer
from eval.explanations.bertscore import bert_scores, load_bert_scorer, rescaled
from mentalglm.errors import UserError
from tests.eval.explanations.tiny_models import LIMIT, write_encoder, write_writer

SAID = ["他想死", "她说难过，睡不着。", "好累", "什么都没有", "x"]
WANTED = ["她说想死", "失眠", "好累", "他什么都没有，没有", "睡不着"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("models") / "encoder")


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_writer(tmp_path_factory.mktemp("models") / "writer")


def test_bertscore_equals_the_package(encoder: Path) -> None:
    from bert_score import BERTScorer

    scorer, about = load_bert_scorer(str(encoder), "cpu", 2)
    reference = BERTScorer(model_type=str(encoder), num_layers=2, device="cpu")
    expected = [[float(x) for x in row] for row in zip(*reference.score(SAID, WANTED), strict=True)]
    found = bert_scores(scorer, about["layer"], SAID, WANTED, batch_size=2)
    assert found == [pytest.approx(row, abs=1e-5) for row in expected]
    assert found[2] == pytest.approx([1, 1, 1], abs=1e-6) and 0 < found[0][2] < 1
    assert about["layer"] == 2 and len(about["weights_sha256"]) == 64 and about["baseline"] is None


def test_bertscore_of_empty_and_overlong_texts(encoder: Path) -> None:
    scorer, about = load_bert_scorer(str(encoder), "cpu")
    assert about["layer"] == 2  # 0.7 of three
    long = "他想死，" * LIMIT
    scores = bert_scores(scorer, 2, ["", " \n", "他", long, long], ["他", "他", "", long[: LIMIT - 2], long + "好累"])
    assert scores[:3] == [[0.0, 0.0, 0.0]] * 3
    assert scores[3] == scores[4] == pytest.approx([1, 1, 1], abs=1e-6)  # cut at the limit, these are the same
    assert scorer.limit == LIMIT and scorer.too_long(long) and not scorer.too_long("他")


def test_a_model_known_to_the_package_has_its_layer_and_baseline(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "bert-base-chinese")
    with pytest.raises(UserError, match=r"--bert-score-layer 8: .* has layers 0 to 3"):
        load_bert_scorer(str(folder), "cpu")  # the package found the eighth best
    about = load_bert_scorer(str(folder), "cpu", 3)[1]
    assert about["baseline"][0] == pytest.approx(0.41, abs=0.3)
    assert rescaled(about["baseline"][2], about["baseline"]) == 0 and rescaled(1, about["baseline"]) == 1


def test_bartscore_is_the_mean_log_likelihood(writer: Path) -> None:
    import torch

    scorer, about = load_bart_scorer(str(writer), "cpu")
    said, wanted = SAID[1], WANTED[1]
    source, target = (scorer.tokenizer(text, return_tensors="pt")["input_ids"] for text in (said, wanted))
    given, likelihood = [scorer.model.config.decoder_start_token_id], []
    for token in target[0].tolist():
        with torch.no_grad():
            logits = scorer.model(source, decoder_input_ids=torch.tensor([given])).logits[0, -1]
        likelihood.append(float(logits.log_softmax(-1)[token]))
        given.append(token)
    found = bart_scores(scorer, SAID, WANTED, batch_size=2)
    precision, recall, both = found[1]
    assert recall == pytest.approx(sum(likelihood) / len(likelihood), abs=1e-4)
    assert bart_scores(scorer, [wanted], [said])[0][0] == pytest.approx(recall, abs=1e-4)
    assert both == pytest.approx((precision + recall) / 2) and both < 0 and about["weights_sha256"]


def test_bartscore_of_empty_and_overlong_texts(writer: Path) -> None:
    scorer, _ = load_bart_scorer(str(writer), "cpu")
    empty, long = bart_scores(scorer, ["", "他想死，" * LIMIT], ["好累"] * 2)
    assert empty[0] == empty[1] == empty[2] < 0 and all(map(math.isfinite, long))


def test_models_of_another_kind_are_refused_in_one_line(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be loaded as an encoder-decoder model"):
        load_bart_scorer(str(encoder), "cpu")
    pickled = write_encoder(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickled weights are never read"):
        load_bert_scorer(str(pickled), "cpu")
