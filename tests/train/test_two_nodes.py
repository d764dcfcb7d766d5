"""Two launchers that know of each other only by a hostfile train one model, as two machines would."""

import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.needs import need_compiler
from tests.tiny import save_tiny
from tests.train.runs import command, losses, run_alone, write_config, write_instructions


@pytest.mark.slow
def test_two_nodes_train_as_one_launcher_with_two_ranks_does(tmp_path: Path) -> None:
    need_compiler()
    base, data = save_tiny(tmp_path / "base"), write_instructions(tmp_path / "data", 48)
    settings = {"model": base, "data": data, "deepspeed": "zero2", "max_steps": 3, "num_train_epochs": 3}

    together = write_config(tmp_path, "together", **settings)
    done = run_alone(together, launcher=("--num_accelerators", "2", "--master_port", free_port()))
    assert done.returncode == 0, done.stderr[-3000:]

    apart = write_config(tmp_path, "apart", **settings)
    nodes = two_nodes(tmp_path, apart)
    assert [code for code, _ in nodes] == [0, 0], "\n".join(said[-3000:] for _, said in nodes)
    assert losses(tmp_path / "apart") == pytest.approx(losses(tmp_path / "together"), abs=1e-6)
    assert (tmp_path / "apart" / "model" / "model.safetensors").is_file()
    # One voice: the node that is not the first says nothing of steps.
    assert "step 3/3" in nodes[0][1] and "step 3/3" not in nodes[1][1]


def two_nodes(folder: Path, config: Path) -> list[tuple[int, str]]:
    """What each of two launchers returned and said."""
    hostfile = folder / "hostfile"
    hostfile.write_text("node-a slots=1\nnode-b slots=1\n", encoding="utf-8")
    port = free_port()
    with ExitStack() as stack:
        started = []
        for rank in ("0", "1"):
            where = ("--hostfile", str(hostfile), "--no_ssh", "--node_rank", rank)
            meeting = ("--master_addr", "127.0.0.1", "--master_port", port)
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            node = stack.enter_context(subprocess.Popen(**command(config, launcher=where + meeting), **pipes))
            stack.callback(node.kill)
            started.append(node)
        said = [node.communicate(timeout=300)[0] for node in started]
        return [(node.returncode, text) for node, text in zip(started, said, strict=True)]


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])
