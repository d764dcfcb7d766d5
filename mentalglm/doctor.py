"""``mentalglm doctor``: is everything here that mentalglm needs, and if not, what to do."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from mentalglm.errors import UserError, exit_on_user_error
from mentalglm.finding import Finding
from mentalglm.models.first_line import first_line
from mentalglm.training_checks import training_checks

_SIGNS = {"ok": "✓", "note": "!", "bad": "✗"}
# Downloaded in bf16, as glm-4-9b and MentalGLM are published.
_LARGE_MODEL_GB = 19
_ROOM_GB = 2


@exit_on_user_error()
def doctor(lang: Annotated[str, typer.Option(help="zh or en.")] = "zh") -> None:
    """Look at versions, devices, compilers, disk, fonts and the embedded model; say what to do. Exits 1 on a fault."""
    if lang not in ("zh", "en"):
        raise UserError(f"--lang {lang!r} is not known; use zh or en")
    faults = 0
    for finding in examine():
        typer.echo(f"{_SIGNS[finding.state]} {finding.zh if lang == 'zh' else finding.en}")
        faults += finding.state == "bad"
    if faults:
        typer.echo(f"\n{faults} 处需要处理。" if lang == "zh" else f"\n{faults} to be mended.")
    else:
        typer.echo("\n可以使用。" if lang == "zh" else "\nReady.")
    raise typer.Exit(1 if faults else 0)


def examine() -> Iterator[Finding]:
    """Yields what is found, the quick checks first; a check that breaks is itself a fault."""
    checks = (_python, _packages, _extras, _devices, _memory, *training_checks(), _disk, _network, _fonts, _embedded)
    for check in checks:
        yield from _guarded(check)


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # a broken installation may raise anything, and must not hide what follows
        name, reason = check.__name__.strip("_"), first_line(error)[:200]
        yield Finding("bad", f"检查 {name} 时出错：{reason}", f"check {name} failed: {reason}")


def _python() -> Iterator[Finding]:
    here = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    yield Finding("ok", here, here)


def _packages() -> Iterator[Finding]:
    found, lacking = _requirements("")
    if lacking:
        command = " ".join(f'"{name}"' for name in lacking)
        yield Finding("bad", f"缺少依赖；请运行 pip install {command}", f"packages are missing: pip install {command}")
    yield Finding("ok", "依赖：" + "、".join(found), "packages: " + ", ".join(found))


def _extras() -> Iterator[Finding]:
    names = importlib.metadata.metadata("mentalglm").get_all("Provides-Extra") or []
    for extra in names:
        if extra == "dev":
            continue
        _, lacking = _requirements(extra)
        if lacking:
            what = ", ".join(lacking)
            command = f'pip install "mentalglm[{extra}]"'
            yield Finding("note", f"[{extra}] 不完整（缺 {what}）：{command}", f"[{extra}] lacks {what}: {command}")
        else:
            yield Finding("ok", f"[{extra}] 已安装", f"[{extra}] installed")


def _requirements(extra: str) -> tuple[list[str], list[str]]:
    """Of the base installation, or of one extra: what is there with its version, and what is not or is too old."""
    from packaging.requirements import Requirement

    found, lacking = [], []
    for line in importlib.metadata.requires("mentalglm") or []:
        wanted = Requirement(line)
        always = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if always != (extra == "") or not (always or (wanted.marker and wanted.marker.evaluate({"extra": extra}))):
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            lacking.append(f"{wanted.name}{wanted.specifier}")
            continue
        if wanted.specifier.contains(version, prereleases=True):
            found.append(f"{wanted.name} {version}")
        else:
            lacking.append(f"{wanted.name}{wanted.specifier}")
    return found, lacking


def _devices() -> Iterator[Finding]:
    import torch

    cores, threads, kind = os.cpu_count(), torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
    yield Finding("ok", f"CPU：{cores} 核，{threads} 线程，{kind}", f"CPU: {cores} cores, {threads} threads, {kind}")
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        bf16 = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        text = f"cuda:{number} {about.name}, {about.total_memory / 2**30:.0f} GiB, {bf16}"
        yield Finding("ok", text, text)
    if torch.cuda.is_available():
        return
    if shutil.which("nvidia-smi") is not None:
        build = torch.__version__
        yield Finding(
            "note",
            f"有 nvidia-smi，但 torch {build} 用不了 GPU：请安装 CUDA 版的 torch（pytorch.org），并核对驱动",
            f"nvidia-smi is here, but torch {build} reaches no GPU: install its CUDA build, check the driver",
        )
    else:
        yield Finding(
            "ok",
            "没有可用的 CUDA：自带模型用 CPU 即可；9B 模型请用 GPU，或加 --quantization int8",
            "no CUDA device: the embedded model needs none; a 9B model wants one, or --quantization int8",
        )


def _memory() -> Iterator[Finding]:
    if not hasattr(os, "sysconf") or "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = (os.sysconf(name) * page / 2**30 for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    yield Finding(
        "ok", f"内存：共 {total:.0f} GiB，空闲 {free:.0f} GiB", f"memory: {total:.0f} GiB, {free:.0f} GiB free"
    )


def _disk() -> Iterator[Finding]:
    cache = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    where = f"{free:.0f} GB ({cache})"
    if free < _ROOM_GB:
        yield Finding("note", f"磁盘空间不足：{where}", f"disk nearly full: {where} free")
    elif free < _LARGE_MODEL_GB:
        zh, en = f"放不下 9B 模型（{_LARGE_MODEL_GB} GB）", f"too little for a 9B model ({_LARGE_MODEL_GB} GB)"
        yield Finding("note", f"模型缓存可用空间：{where}；{zh}", f"free for models: {where}; {en}")
    else:
        yield Finding("ok", f"模型缓存可用空间：{where}", f"free for models: {where}")


def _network() -> Iterator[Finding]:
    """Says where models would be fetched from; asks nobody."""
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    offline = " (HF_HUB_OFFLINE)" if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE") else ""
    scope = "modelscope:ID" if importlib.util.find_spec("modelscope") else "modelscope:ID (pip install modelscope)"
    yield Finding(
        "ok",
        f"模型来源：文件夹、{hub}{offline}、{scope}；不指定则不联网",
        f"models come from folders, {hub}{offline}, {scope}; without a name nothing is asked for",
    )


def _fonts() -> Iterator[Finding]:
    if shutil.which("fc-list") is None:
        yield Finding("ok", "字体：无 fc-list，未检查", "fonts: no fc-list, not looked at")
        return
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False)
    families = sorted({line.split(",")[0] for line in listed.stdout.splitlines() if line})
    if families:
        yield Finding("ok", f"中文字体：{families[0]} 等", f"Chinese font: {families[0]}")
    else:
        what = "fonts-noto-cjk"
        yield Finding(
            "note", f"没有中文字体，图中汉字会成方框；请安装 {what}", f"no Chinese font for charts; install {what}"
        )


def _embedded() -> Iterator[Finding]:
    from mentalglm.analyzer import Analyzer

    start = time.monotonic()
    analyzer = Analyzer.load(device="cpu")
    loaded = time.monotonic() - start
    answer = analyzer.analyze("今天又没有睡好，心里很累，不过周末和朋友去爬山了。", "suicide_risk")
    took = time.monotonic() - start - loaded
    if answer.parsed and answer.labels and answer.explanation:
        zh, en = (
            f"加载 {loaded:.1f} 秒，首次回答 {took:.1f} 秒",
            f"{loaded:.1f} s to load, {took:.1f} s to the first answer",
        )
        yield Finding("ok", f"自带模型能回答：{zh}", f"the embedded model answers: {en}")
    else:
        yield Finding(
            "bad", "自带模型没有给出完整的回答；请重新安装", "the embedded model gives no whole answer; reinstall"
        )
