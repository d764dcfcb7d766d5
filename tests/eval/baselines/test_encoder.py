"""Encoders as baselines: what they learn, how they choose, what a kill leaves, what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from eval.baselines import Lesson, is_baseline
from eval.baselines.encoder import Encoder, set_aside
from eval.baselines.encoder_config import EncoderConfig, read_encoder, ready_configs
from eval.baselines.networks import character_table, tiny_network
from eval.baselines.training import chances_of, decided, judge
from eval.data import load_data
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow
from mentalglm.tasks import load_task
from tests.eval.baselines.tiny_bert import save_bert
from tests.eval.commands import evaluate, manifest, refusal, samples

RISK, DISTORTION = load_task("suicide_risk"), load_task("cognitive_distortion")


def quick(folder: Path, model: str = "tiny", **settings: object) -> Path:
    """A configuration that is trained in a second."""
    path = folder / "quick.yaml"
    chosen = {"model": model, "learning_rates": [0.01, 0.003], "epochs": 4, "batch_size": 8, **settings}
    path.write_text(yaml.safe_dump(chosen), encoding="utf-8")
    return path


def lesson(records: Path, folder: Path, tell: Callable[[str], None] = lambda line: None) -> Lesson:
    data = load_data(records, "suicide_risk")
    return Lesson(RISK, data.train, data.validation, 0, folder, "cpu", None, tell)


def test_it_learns_chooses_and_says_how(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    model = f"encoder:{quick(tmp_path)}"
    done = evaluate("run", "--task", "suicide_risk", "--data", records, "--model", model, "--out", out)
    assert done.exit_code == 0 and "trial 2 of 2" in done.stderr
    assert [item["labels"] for item in samples(out)] == [item["gold"] for item in samples(out)]  # no clause in common
    assert all(abs(sum(item["probabilities"].values()) - 1) < 1e-6 for item in samples(out))
    told = manifest(out)["model"]["tasks"]["suicide_risk"]
    assert told["chosen_on"] == "10% of the groups of the training rows"
    assert (told["train_rows"], told["validation_rows"]) == (36, 4) and told["learning_rates"] == [0.01, 0.003]
    tuning = json.loads((out / "trained/suicide_risk/tuning.json").read_text(encoding="utf-8"))
    assert [trial["learning_rate"] for trial in tuning["trials"]] == [0.01, 0.003] and tuning["cut_posts"] == 0
    best = max(range(2), key=lambda number: (tuning["trials"][number]["score"], -number))
    assert tuning["best"] == best  # the first of equals
    kept = [path.name for path in (out / "trained/suicide_risk").glob("*.safetensors")]
    assert kept == [f"trial-{best + 1}.safetensors"]
    assert not any("安排" in path.read_text("utf-8", "ignore") for path in (out / "trained/suicide_risk").iterdir())


def test_the_same_twice_and_another_seed_another(records: Path, tmp_path: Path) -> None:
    command = ("run", "--task", "suicide_risk", "--data", records, "--model", f"encoder:{quick(tmp_path)}")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        evaluate(*command, "--seed", seed, "--out", tmp_path / name)
    one, two, other = ((tmp_path / name / "samples.jsonl").read_bytes() for name in "abc")
    assert one == two != other


def test_a_killed_run_trains_only_what_is_missing(records: Path, tmp_path: Path) -> None:
    what = str(quick(tmp_path))
    whole: list[str] = []
    Encoder(lesson(records, tmp_path / "whole", whole.append), what).answer(["照常上班"])
    assert len(whole) == 2

    def killed(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Encoder(lesson(records, tmp_path / "killed", killed), what).answer(["照常上班"])
    rest: list[str] = []
    again = Encoder(lesson(records, tmp_path / "killed", rest.append), what)
    answer = again.answer(["照常上班"])
    assert len(rest) == 1 and "trial 2 of 2" in rest[0]
    (one,), (two,) = (list((tmp_path / name).glob("*.safetensors")) for name in ("whole", "killed"))
    assert one.name == two.name and one.read_bytes() == two.read_bytes()
    nothing: list[str] = []
    assert Encoder(lesson(records, tmp_path / "killed", nothing.append), what).answer(["照常上班"]) == answer
    assert nothing == []


def test_other_rows_are_another_training(records: Path, tmp_path: Path) -> None:
    what, told = str(quick(tmp_path)), []
    Encoder(lesson(records, tmp_path / "kept"), what).answer(["照常"])
    records.write_text(records.read_text(encoding="utf-8").replace("照常吃饭", "照常睡觉"), encoding="utf-8")
    Encoder(lesson(records, tmp_path / "kept", told.append), what).answer(["照常"])
    assert len(told) == 2


@pytest.mark.parametrize("head", [False, True])
def test_a_pretrained_encoder_by_its_folder(records: Path, tmp_path: Path, head: bool) -> None:
    folder = save_bert(tmp_path / "bert", head)
    out, model = tmp_path / "run", f"encoder:{quick(tmp_path, str(folder), epochs=12, patience=12)}"
    evaluate("run", "--task", "suicide_risk", "--data", records, "--model", model, "--out", out)
    right = sum(item["labels"] == item["gold"] for item in samples(out))
    assert right >= 18
    assert len(manifest(out)["model"]["tasks"]["suicide_risk"]["weights_sha256"]) == 64
    usual = Encoder(lesson(records, tmp_path / "kept"), str(folder)).describe()  # a folder without a configuration
    assert usual["learning_rates"] == read_encoder("macbert").learning_rates


def test_posts_that_are_too_long_are_cut_and_counted(records: Path, tmp_path: Path) -> None:
    long = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    long[1]["text"] *= 20
    records.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in long), encoding="utf-8")
    what = str(quick(tmp_path, str(save_bert(tmp_path / "bert")), epochs=1))
    Encoder(lesson(records, tmp_path / "kept"), what).answer(["照常上班" * 100])
    tuning = json.loads((tmp_path / "kept" / "tuning.json").read_text(encoding="utf-8"))
    assert tuning["cut_posts"] == 1
    network = Encoder(lesson(records, tmp_path / "kept"), what)._fresh()
    ids, cut = network.read(["照常上班" * 100, "照常"])
    assert cut == 1 and len(ids[0]) == 48 and ids[0][-1] == ids[1][-1]  # the closing token stays


def test_what_cannot_be_loaded_is_refused_before_a_run_begins(records: Path, tmp_path: Path) -> None:
    def refused(model: object) -> str:
        command = ("run", "--task", "suicide_risk", "--data", records, "--model", f"encoder:{model}")
        said = refusal(*command, "--out", tmp_path / "run")
        assert not (tmp_path / "run").exists()
        return said

    folder = save_bert(tmp_path / "bert")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pickled weights are never read" in refused(folder)
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    own = config | {"auto_map": {"AutoModel": "modeling.Mine"}, "model_type": "mine"}
    (folder / "config.json").write_text(json.dumps(own), encoding="utf-8")
    assert "never run" in refused(folder)
    assert "which one?" in refused("")
    command = ("run", "--task", "suicide_risk", "--data", records, "--model", "encoder:tiny", "--device", "nowhere")
    assert "device 'nowhere' cannot be used" in refusal(*command, "--out", tmp_path / "run")
    assert "not found" in refused("./nowhere")
    (tmp_path / "broken.yaml").write_text("model: tiny\ncolour: red", encoding="utf-8")
    assert "colour" in refused(tmp_path / "broken.yaml")
    assert "writes no text" in refusal(
        "run", "--task", "suicide_risk", "--data", records, "--model", "encoder:tiny", "--generate"
    )


def test_weights_of_another_network_are_refused(records: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_bert(tmp_path / "bert")
    strange = {f"other.{name}": weight for name, weight in load_file(folder / "model.safetensors").items()}
    save_file(strange, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="most of its weights are missing"):
        Encoder(lesson(records, tmp_path / "kept"), str(folder)).answer(["照常"])


def test_too_few_rows(tmp_path: Path) -> None:
    one = [LabelledRow(i, str(i), "照常", ("低自杀风险",), "same") for i in range(5)]
    with pytest.raises(UserError, match="rows of split train"):
        Encoder(Lesson(RISK, []), "tiny")
    with pytest.raises(UserError, match="two groups at least"):
        Encoder(Lesson(RISK, one), "tiny")


def test_rows_are_set_aside_by_groups_in_any_order() -> None:
    rows = [LabelledRow(i, str(i), f"第{i}句", ("低自杀风险",), f"g{i // 3}") for i in range(60)]
    kept, aside = set_aside(rows, 0.1, 0)
    assert len(aside) == 6 and len(kept) == 54
    assert not {row.group for row in kept} & {row.group for row in aside}
    assert {row.id for row in set_aside(rows[::-1], 0.1, 0)[1]} == {row.id for row in aside}
    assert {row.id for row in set_aside(rows, 0.1, 1)[1]} != {row.id for row in aside}


def test_the_threshold_is_the_best_for_the_validation_rows() -> None:
    first = DISTORTION.label_names[0]
    rows = [LabelledRow(i, str(i), "句", (first,) if i < 3 else (), str(i)) for i in range(6)]
    chances = np.zeros((6, 12))
    chances[:, 0] = [0.32, 0.34, 0.38, 0.22, 0.24, 0.28]
    score, threshold = judge(chances, rows, DISTORTION)
    assert score == 1 and threshold == pytest.approx(0.3)
    assert decided(chances, DISTORTION, threshold)[:, 0].tolist() == [True, True, True, False, False, False]
    assert judge(np.array([[0.1, 0.9]] * 6), [LabelledRow(0, "0", "句", ("低自杀风险",), "0")] * 6, RISK) == (
        None,
        None,
    )


def test_a_posts_chances_do_not_depend_on_its_neighbours() -> None:
    posts = ["照常上班", "第3天，都安排好了" * 9, "", "日子也定了"]
    network = tiny_network(character_table(posts * 2), 12, EncoderConfig(model="tiny"))
    together = chances_of(network, DISTORTION, posts, "cpu")
    alone = np.concatenate([chances_of(network, DISTORTION, [post], "cpu") for post in posts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_the_ready_configurations_share_one_budget_and_the_pages_name_them() -> None:
    pretrained = set(ready_configs()) - {"tiny"}
    assert pretrained == {"chinese-roberta-wwm-ext", "macbert", "ernie-3.0", "chinese-mentalbert"}
    budgets = {read_encoder(name).model_copy(update={"model": "x"}).model_dump_json() for name in pretrained}
    assert budgets == {EncoderConfig(model="x").model_dump_json()}
    root = Path(__file__).parents[3]
    for page in ("evaluation.md", "evaluation.zh-CN.md"):
        text = (root / "docs" / page).read_text(encoding="utf-8")
        named = set(re.findall(r"`([\w./:-]+)`", text))
        assert {f"encoder:{name}" for name in ready_configs()} <= named
        assert {read_encoder(name).model for name in pretrained} <= named


def test_names_of_baselines() -> None:
    names = ("majority", "always-positive", "lexicon", "lexicon:x.yaml", "tfidf", "encoder:tiny", "encoder:a/b")
    assert all(map(is_baseline, names))
    assert not any(map(is_baseline, (None, "embedded", "out/model", "THUDM/glm-4-9b-chat-hf", "modelscope:a/b")))
