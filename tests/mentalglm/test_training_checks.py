"""What ``mentalglm doctor`` says about training: each fault is a note that names what to install or to set."""

import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from mentalglm import training_checks
from mentalglm.finding import Finding


def examine() -> list[Finding]:
    return [finding for check in training_checks.training_checks() for finding in check()]


def notes() -> str:
    return "\n".join(finding.en for finding in examine() if finding.state == "note")


class Usage(NamedTuple):
    total: int
    free: int


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "12.8")


def test_every_finding_is_said_in_both_languages() -> None:
    found = examine()
    assert len(found) >= 4 and all(finding.zh and finding.en for finding in found)
    assert not any(finding.state == "bad" for finding in found)  # mentalglm works without training


def test_headers_that_are_missing_are_named_with_their_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert "Python.h (python3-dev) missing" in notes() and "apt-get install g++ python3-dev" in notes()


def test_shared_memory_as_small_as_a_containers_default_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(64 * 2**20, 64 * 2**20))
    assert "64 MiB only" in notes() and "--shm-size=8g" in notes()
    assert "too little room for checkpoints: 0 GB" in notes()


def test_a_gpu_without_a_matching_cuda_compiler_concerns_offloading_alone(
    cuda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "nvcc" else real(name))
    assert "no nvcc: zero2_offload and zero3_offload need the CUDA 12.8 toolkit" in notes()

    def nvcc(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 0, stdout=f"Cuda compilation tools, release {version}, V{version}.1")

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvcc" if name == "nvcc" else real(name))
    monkeypatch.setattr(subprocess, "run", nvcc)
    version = "11.8"
    assert "nvcc 11.8: zero2_offload" in notes()
    version = "12.4"
    assert "offload" not in notes()


def test_a_gpu_without_bf16_is_told_what_to_train_in(cuda: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bf16" not in notes()
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert "the GPU has no bf16: train with dtype=fp32" in notes()


def test_a_torch_without_its_backend_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_gloo_available", lambda: False)
    assert "this torch lacks gloo" in notes()


def test_without_deepspeed_only_the_compilers_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_checks.importlib.util, "find_spec", lambda name: None)
    assert len(training_checks.training_checks()) == 1
