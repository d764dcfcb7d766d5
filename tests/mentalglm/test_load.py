"""A model is loaded whole, natively and without code or pickle from a checkpoint; all else is one clear line."""

import copy
import json
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import pytest
import torch

from mentalglm.analyzer import Analyzer
from mentalglm.errors import UserError
from mentalglm.models import Manifest, load_model, weights_hash
from tests.tiny import TASKS, tiny_model, tiny_tokenizer


@pytest.fixture
def folder(tmp_path: Path, model_folder: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "tiny"))


def refusal(name: str, **settings: Any) -> str:
    with pytest.raises(UserError) as caught:
        load_model(name, **settings)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500
    return message


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def test_a_folder_is_loaded_whole_and_ready(model_folder: Path, sharp_model: Any) -> None:
    loaded = load_model(str(model_folder), device="cpu")
    assert type(loaded.model).__name__ == "GlmForCausalLM" and not loaded.model.training
    assert loaded.model.dtype == torch.float32
    assert (loaded.name, loaded.folder) == (str(model_folder), model_folder)
    assert loaded.manifest.tasks == sorted(TASKS)
    said = json.loads((model_folder / "mentalglm.json").read_text(encoding="utf-8"))
    assert loaded.manifest.model_dump(include=set(said)) == said
    assert len(loaded.tokenizer) == len(tiny_tokenizer())
    for name, weight in sharp_model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], weight), name


def test_a_folder_without_manifest_is_a_foreign_model(folder: Path) -> None:
    (folder / "mentalglm.json").unlink()
    assert load_model(str(folder), device="cpu").manifest == Manifest()


@pytest.mark.parametrize(
    ("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_the_dtype_is_the_one_asked_for(model_folder: Path, name: str, dtype: torch.dtype) -> None:
    assert load_model(str(model_folder), device="cpu", dtype=name).model.dtype == dtype


def test_a_dtype_or_device_that_does_not_exist_is_named(model_folder: Path) -> None:
    assert "dtype 'int3' is not known; use one of fp32, bf16, fp16" in refusal(str(model_folder), dtype="int3")
    assert "device 'tpu9' cannot be used" in refusal(str(model_folder), device="tpu9")
    if not torch.cuda.is_available():
        assert "device 'cuda' cannot be used" in refusal(str(model_folder), device="cuda")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """A hub that has no model, with an empty cache; gives the paths it was asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            known = "group/known" in self.path
            self.send_header("X-Error-Code", "RevisionNotFound" if known else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    yield asked
    server.shutdown()
    server.server_close()


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points the hub at a port where nothing listens."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "../nowhere", "models/of/mine", "models\\mine"])
def test_a_missing_folder_is_named_without_asking_the_hub(name: str, hub: list[str]) -> None:
    assert refusal(name) == f"model folder {name!r} not found; check the path, or give a hub name"
    assert hub == []


def test_a_name_that_the_hub_does_not_know_is_one_line_after_one_question(
    hub: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    message = refusal("some-group/absent-model")
    assert "'some-group/absent-model': no folder has that name, and the hub has no such model" in message
    assert [path for path in hub if "absent-model" in path] == ["/api/models/some-group/absent-model"]
    assert "has no revision 'v9'" in refusal("group/known", revision="v9")
    assert "no hub name is so written" in refusal("a name with spaces")
    assert capfd.readouterr().err == ""


def test_a_hub_out_of_reach_is_one_line_and_quick(
    hub: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    unreachable(monkeypatch)
    start = monotonic()
    assert "the hub at http://127.0.0.1:9 could not be reached" in refusal("some-group/absent-model")
    assert monotonic() - start < 6 and capfd.readouterr().err == ""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set and the cache does not hold it" in refusal("some-group/absent-model")


def test_a_cached_model_is_loaded_though_the_hub_is_out_of_reach(
    hub: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model_folder: Path
) -> None:
    unreachable(monkeypatch)
    stored, revision = tmp_path / "cache" / "models--group--tiny", "a" * 40
    shutil.copytree(model_folder, stored / "snapshots" / revision)
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text(revision, encoding="utf-8")
    start = monotonic()
    loaded = load_model("group/tiny", device="cpu")
    assert monotonic() - start < 6 and loaded.folder == stored / "snapshots" / revision
    assert loaded.model.name_or_path == "group/tiny"  # what an adapter trained on it writes down as its base
    assert torch.equal(logits(loaded.model), logits(load_model(str(model_folder), device="cpu").model))


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    assert "holds no config.json" in refusal(str(tmp_path))


def test_a_base_model_without_chat_template_is_refused(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert refusal(str(folder)) == f"model {str(folder)!r} has no chat template; use its chat or instruct edition"


def test_loading_writes_nothing_to_stderr(model_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(str(model_folder), device="cpu")
    assert capfd.readouterr().err == ""


# The manifest.


def test_a_manifest_may_say_more_or_less_than_is_known(folder: Path) -> None:
    path = folder / "mentalglm.json"
    path.write_text('{"tasks": null, "config": null, "prompt_hash": null, "new": [1]}', encoding="utf-8")
    assert load_model(str(folder), device="cpu").manifest == Manifest()
    change(path, config={"max_seq_length": 99, "new": {}}, versions={"torch": None})
    manifest = load_model(str(folder), device="cpu").manifest
    assert manifest.max_seq_length == 99 and manifest.versions == {"torch": None}
    assert Analyzer.load(str(folder), device="cpu")._decoder.context_length == 99


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("tasks", "suicide_risk", "tasks"),
        ("tasks", [3], "tasks.0"),
        ("style", [], "style"),
        ("prompt_hash", ["a"], "prompt_hash"),
        ("prompt_hash", {"stress": 7}, "prompt_hash.stress"),
        ("config", "none", "config"),
        ("config", {"max_seq_length": "long"}, "config.max_seq_length"),
        ("config", {"max_seq_length": 0}, "config.max_seq_length"),
        ("config", {"max_seq_length": True}, "config.max_seq_length"),
    ],
)
def test_a_broken_manifest_is_one_line_with_file_and_key(folder: Path, key: str, value: Any, named: str) -> None:
    change(folder / "mentalglm.json", **{key: value})
    assert refusal(str(folder)).startswith(f"{folder / 'mentalglm.json'}: {named}: ")


def test_tasks_and_wordings_of_other_versions_are_warned_of(folder: Path) -> None:
    said = json.loads((folder / "mentalglm.json").read_text(encoding="utf-8"))
    hashes = {**said["prompt_hash"], "suicide_level": None, "older_task": "0" * 64}
    change(folder / "mentalglm.json", tasks=[*said["tasks"], "newer_task"], prompt_hash=hashes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        analyzer = Analyzer.load(str(folder), device="cpu")
    lines = [str(warning.message) for warning in caught if warning.category is UserWarning]
    assert analyzer.tasks == said["tasks"] and len(lines) == 2
    assert "does not know: newer_task, older_task; they are left out" in lines[0]
    assert "other wordings of suicide_level; expect" in lines[1]


def test_a_style_of_another_version_counts_as_other_wordings(folder: Path) -> None:
    change(folder / "mentalglm.json", style="newer")
    with pytest.warns(UserWarning, match="other wordings of .*suicide_level"):
        analyzer = Analyzer.load(str(folder), device="cpu")
    with pytest.raises(UserError, match="has no style 'newer'"):
        analyzer.analyze("累", "suicide_level")


# No code and no pickle from a checkpoint.


def test_a_checkpoint_that_needs_code_of_its_own_is_refused_and_the_code_never_run(folder: Path) -> None:
    trap = folder / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(trap)!r}, 'w')\n", encoding="utf-8")
    auto = {"AutoConfig": "modeling_own.A", "AutoModelForCausalLM": "modeling_own.B"}
    change(folder / "config.json", model_type="something_else", auto_map=auto)
    message = refusal(str(folder))
    assert "'something_else' model, whose loader is code inside the checkpoint and is never run" in message
    change(folder / "config.json", model_type="glm")
    assert type(load_model(str(folder), device="cpu").model).__name__ == "GlmForCausalLM"
    assert not trap.exists()


def test_a_tokenizer_with_code_of_its_own_does_not_run_it(folder: Path) -> None:
    trap = folder / "ran"
    (folder / "tokenization_own.py").write_text(f"open({str(trap)!r}, 'w')\n", encoding="utf-8")
    auto = {"AutoTokenizer": [None, "tokenization_own.Own"]}
    change(folder / "tokenizer_config.json", tokenizer_class="Own", auto_map=auto)
    try:
        load_model(str(folder), device="cpu")
    except UserError as error:
        assert "\n" not in str(error)
    assert not trap.exists()


class Trap:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_weights_are_never_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(Trap(folder / "ran"), folder / "pytorch_model.bin")
    assert "pickled weights are never read" in refusal(str(folder))
    (folder / "something_else.safetensors").touch()
    refusal(str(folder))
    assert not (folder / "ran").exists()


# Damaged and incomplete checkpoints.

DAMAGE: dict[str, Callable[[Path], Any]] = {
    "weights cut short": lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:9000]),
    "weights empty": lambda f: (f / "model.safetensors").write_bytes(b""),
    "a pointer in place of weights": lambda f: (f / "model.safetensors").write_text("version https://git-lfs\n"),
    "weights of another shape": lambda f: change(f / "config.json", hidden_size=64),
    "no tokenizer": lambda f: (f / "tokenizer.json").unlink(),
    "tokenizer cut short": lambda f: (f / "tokenizer.json").write_text('{"version": "1.0", '),
    "tokenizer of another make": lambda f: (f / "tokenizer.json").write_text("{}"),
    "configuration cut short": lambda f: (f / "config.json").write_text("{"),
    "configuration of another make": lambda f: (f / "config.json").write_text("[]"),
    "configuration without a type": lambda f: (f / "config.json").write_text("{}"),
    "an unknown architecture": lambda f: change(f / "config.json", model_type="nonesuch"),
    "manifest cut short": lambda f: (f / "mentalglm.json").write_text("{"),
    "manifest of another make": lambda f: (f / "mentalglm.json").write_text("[1]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_one_line(folder: Path, damage: str) -> None:
    DAMAGE[damage](folder)
    assert folder.name in refusal(str(folder))


def test_a_checkpoint_that_lacks_weights_is_refused_and_not_filled_with_random_ones(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.down_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    message = refusal(str(folder))
    assert "is incomplete: 1 weights are missing, such as model.layers.1.mlp.down_proj.weight" in message


# Adapters.


@pytest.fixture
def adapter(tmp_path: Path, model_folder: Path, sharp_model: Any) -> Path:
    """A LoRA adapter of the tiny model, its weights far from nothing."""
    peft = pytest.importorskip("peft")
    folder = tmp_path / "adapter"
    lora = peft.LoraConfig(r=4, target_modules=["o_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(copy.deepcopy(sharp_model), lora)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    change(folder / "adapter_config.json", base_model_name_or_path=str(model_folder))
    tiny_tokenizer().save_pretrained(folder)
    shutil.copy(model_folder / "mentalglm.json", folder)
    return folder


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits
    return found


def test_an_adapter_is_loaded_onto_its_base(adapter: Path, model_folder: Path) -> None:
    loaded = load_model(str(adapter), device="cpu")
    base = load_model(str(model_folder), device="cpu")
    assert loaded.folder == adapter and loaded.manifest == base.manifest
    assert not loaded.model.training
    assert (logits(loaded.model) - logits(base.model)).abs().max() > 0.1


def test_an_adapter_that_would_change_nothing_is_refused(adapter: Path) -> None:
    from safetensors.torch import save_file

    save_file({"something.else": torch.zeros(1)}, adapter / "adapter_model.safetensors", {"format": "pt"})
    assert "does not fit its base model" in refusal(str(adapter))


def test_a_pickled_adapter_is_never_read(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()
    torch.save(Trap(adapter / "ran"), adapter / "adapter_model.bin")
    assert "pickled weights are never read" in refusal(str(adapter))
    assert not (adapter / "ran").exists()


@pytest.mark.parametrize("base", [None, 3, "", ["a"]])
def test_an_adapter_must_name_its_base(adapter: Path, base: Any) -> None:
    change(adapter / "adapter_config.json", base_model_name_or_path=base)
    message = refusal(str(adapter))
    assert message.startswith(f"{adapter / 'adapter_config.json'}: base_model_name_or_path: ")
    assert message.endswith(f"the value is {base!r}")


def test_an_adapter_s_base_is_looked_for_like_any_model(adapter: Path, hub: list[str]) -> None:
    change(adapter / "adapter_config.json", base_model_name_or_path="/nowhere/at/all")
    assert "model folder '/nowhere/at/all' not found" in refusal(str(adapter)) and hub == []
    change(adapter / "adapter_config.json", base_model_name_or_path="some-group/absent-model")
    assert "model 'some-group/absent-model': no folder has that name" in refusal(str(adapter))


def test_an_adapter_s_base_is_refused_like_any_model(adapter: Path, folder: Path) -> None:
    change(adapter / "adapter_config.json", base_model_name_or_path=str(folder))
    (folder / "model.safetensors").unlink()
    torch.save(Trap(folder / "ran"), folder / "pytorch_model.bin")
    assert f"{folder} holds no .safetensors weights; pickled weights are never read" in refusal(str(adapter))
    assert not (folder / "ran").exists()


def test_an_adapter_s_base_must_have_the_weights_it_was_trained_on(adapter: Path, model_folder: Path) -> None:
    change(adapter / "mentalglm.json", base_sha256=weights_hash(model_folder))
    assert load_model(str(adapter), device="cpu").manifest.base_sha256 == weights_hash(model_folder)
    change(adapter / "mentalglm.json", base_sha256="0" * 64)
    message = refusal(str(adapter))
    assert f"its base {str(model_folder)!r} has other weights" in message and "(000000000000…)" in message


def test_an_adapter_made_for_the_chatglm_format_is_refused_with_the_way_out(adapter: Path) -> None:
    change(adapter / "adapter_config.json", target_modules=["query_key_value"])
    assert "query_key_value is a module of the ChatGLM format; merge the adapter there" in refusal(str(adapter))


def test_an_adapter_without_peft_says_what_to_install(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    assert refusal(str(adapter)).endswith("peft is missing; pip install peft")


def test_loading_an_adapter_writes_nothing_to_stderr(adapter: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_model(str(adapter), device="cpu")
    assert capfd.readouterr().err == "" and [str(warning.message) for warning in caught] == []


def test_a_tied_and_an_untied_model_load_alike(tmp_path: Path) -> None:
    from tests.tiny import save_tiny

    untied = load_model(str(save_tiny(tmp_path / "untied", tied=False)), device="cpu").model
    assert torch.equal(logits(untied), logits(tiny_model(tied=False)))
