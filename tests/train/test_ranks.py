"""What a failure to join the ranks, or to build an extension, tells a user to install."""

import pytest

from train.ranks import join_advice


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Ninja is required to load C++ extensions", "pip install ninja"),
        ("[Errno 2] No such file or directory: 'g++'", "apt-get install g++"),
        ("Error building extension 'cpu_adam': fatal error: Python.h: No such file", "python3-dev"),
        ("numactl: libnuma.so.1 not found", "numactl libnuma-dev"),
        ("EADDRINUSE: address already in use", "--master_port"),
        ("Distributed package doesn't have gloo built in", "lacks the backend"),
        ("something nobody has seen", "mentalglm doctor"),
        ("", "RuntimeError"),
    ],
)
def test_the_package_to_install_is_named(said: str, expected: str) -> None:
    advice = join_advice(RuntimeError(said))
    assert expected in advice
    assert "\n" not in advice
