"""``run --probe``: what is stored is what the library measures; killed runs go on alike; refusals say why."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from eval.free_generation import Written
from eval.probes import PROBES, read_probes, summarise
from mentalglm.analysis import Analysis, ErrorInfo
from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from tests.endpoints import Gateway, mentalglm_server
from tests.eval.commands import evaluate, manifest, refusal, samples

OPEN = Path(__file__).parents[2] / "instructions" / "open" / "records"
RUN = ("run", "--task", "cognitive_distortion", "--data", OPEN)


def reply(labels: list[str], explanation: str | None, **more: Any) -> Written:
    said = Analysis(
        task="t", text="x", labels=labels, probabilities={}, explanation=explanation, model="m", prompt_hash="", **more
    )
    return Written(said, ("",))


def test_the_erasure_probes_are_the_librarys_own_measures(tmp_path: Path) -> None:
    out = tmp_path / "run"
    evaluate(*RUN, "--limit", 4, "--probe", "sufficiency,comprehensiveness", "--out", out)
    kept = samples(out)
    again = Analyzer.load().analyze([item["text"] for item in texts(kept)], "cognitive_distortion", faithfulness=True)
    for item, answer in zip(kept, again, strict=True):
        assert answer.faithfulness is not None
        for name in ("comprehensiveness", "sufficiency"):
            assert item["probes"][name] == pytest.approx(getattr(answer.faithfulness, name), abs=1e-4)
    assert any(item["probes"]["comprehensiveness"] is not None for item in kept)
    assert manifest(out)["options"]["probe"] == ["comprehensiveness", "sufficiency"]


def texts(kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (OPEN / "cognitive_distortion.jsonl").read_text(encoding="utf-8").splitlines()]
    return [rows[item["row"]] for item in kept]


def test_self_consistency_is_drawn_by_seed_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    command: tuple[object, ...] = ("run", "--task", "suicide_risk", "--data", OPEN, "--limit", 3, "--batch-size", 2)
    command = (*command, "--probe", "self-consistency", "--probe-samples", 2)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    evaluate(*command, "--out", whole)
    cut.mkdir()
    (cut / "manifest.json").write_bytes((whole / "manifest.json").read_bytes())
    lines = (whole / "samples.jsonl").read_bytes().splitlines(keepends=True)
    (cut / "samples.jsonl").write_bytes(lines[0] + lines[1][:50])
    random.seed(99)  # what stands in the generator does not matter
    evaluate(*command, "--out", cut)
    assert samples(cut) == samples(whole)
    found = [item["probes"]["self-consistency"] for item in samples(whole)]
    assert all(one["samples"] == 2 and one["agreement"] in (0, 0.5, 1) for one in found)
    assert any(one["chrf"] is not None and one["chrf"] < 1 for one in found)  # it was drawn, not chosen
    evaluate("score", whole)
    scores = json.loads((whole / "scores.json").read_text(encoding="utf-8"))["explanations"]
    mean = sum(one["agreement"] for one in found) / 3
    assert scores["self_consistency"]["value"] == pytest.approx(mean, abs=1e-6)
    assert "temperature" in refusal(*command, "--temperature", 0.5, "--out", whole)


def test_self_consistency_by_hand() -> None:
    replies = [reply(["放大"], "天大的事"), reply(["放大"], "天大的事"), reply(["读心术"], None)]
    replies += [reply([], None, parsed=False)]
    found = summarise(replies)
    assert found == {"samples": 4, "readable": 3, "labels": ["放大"], "agreement": 0.5, "chrf": 1.0}
    nothing = summarise([reply([], None, parsed=False)] * 2)
    assert nothing == {"samples": 2, "readable": 0, "labels": None, "agreement": 0.0, "chrf": None}
    assert summarise([reply([], "没有"), reply([], "没有")]) == {
        "samples": 2, "readable": 2, "labels": [], "agreement": 1.0, "chrf": 1.0,
    }  # fmt: skip
    assert summarise([reply(["放大"], None), ErrorInfo(code="no_reply", message="")]) is None


@pytest.mark.slow
def test_examples_before_the_question_are_probed_with_them(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = ("run", "--task", "suicide_risk", "--data", records, "--limit", 2, "--shots", 1, "--out", out)
    evaluate(*command, "--probe", ",".join(PROBES), "--probe-samples", 2)
    assert all(set(item["probes"]) == set(PROBES) for item in samples(out))


def test_what_cannot_be_probed_is_refused_in_one_line(records: Path, tmp_path: Path) -> None:
    data = ("run", "--task", "suicide_risk", "--data", records, "--out", tmp_path / "run")
    assert "baseline" in refusal(*data, "--model", "tfidf", "--probe", "self-consistency")
    assert "baseline" in refusal(
        "run", "open", "--model", "majority", "--probe", "sufficiency", "--out", tmp_path / "x"
    )
    assert "--labels-only" in refusal(*data, "--labels-only", "--probe", "self-consistency")
    assert "--generate" in refusal(*data, "--generate", "--probe", "comprehensiveness,self-consistency")
    assert "'faith'" in refusal(*data, "--probe", "faith")
    assert not (tmp_path / "run").exists()


def test_probes_are_named_by_commas() -> None:
    assert read_probes(None) is None and read_probes("") == ()
    assert read_probes("self-consistency, comprehensiveness") == ("comprehensiveness", "self-consistency")
    with pytest.raises(UserError, match="there are comprehensiveness, sufficiency, self-consistency"):
        read_probes("x")


@pytest.mark.slow
def test_an_endpoint_is_asked_again_with_seeds_and_temperature(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with Gateway(mentalglm_server()) as gateway:
        command: tuple[object, ...] = ("run", "--task", "suicide_risk", "--data", records, "--limit", 2, "--generate")
        command = (*command, "--endpoint", gateway.url, "--endpoint-model", "embedded", "--style", "grounded")
        done = evaluate(*command, "--probe", "self-consistency", "--probe-samples", 2, "--out", out)
        assert done.exit_code == 0
        drawn = [body for body in gateway.bodies if body.get("temperature")]
    assert len(drawn) == 4 and {body["temperature"] for body in drawn} == {0.7}
    assert len({body["seed"] for body in drawn}) == 2
    assert all(item["probes"]["self-consistency"]["samples"] == 2 for item in samples(out))
