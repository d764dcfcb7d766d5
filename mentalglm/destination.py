"""Where text may be sent: the host of a URL is resolved before anything goes out.

Loopback and private addresses are used as they are; any other needs the user's word, ``--allow-external``.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from mentalglm.errors import UserError

# RFC 1122, RFC 1918, RFC 4193. Link-local is left out on purpose: cloud machines hand out secrets there.
_PRIVATE = [
    ipaddress.ip_network(block)
    for block in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]


@dataclass(frozen=True)
class Destination:
    """Where requests go.

    Attributes:
        url: The base URL, such as ``http://127.0.0.1:8000/v1``.
        host: Its host.
        addresses: What the host's name stood for when it was checked.
        external: Whether any of them lies outside the loopback and private ranges.
    """

    url: str
    host: str
    addresses: tuple[str, ...]
    external: bool


def check_destination(url: str, allow_external: bool = False) -> Destination:
    """Resolves the host of ``url`` and decides whether text may go there.

    Raises:
        UserError: Not a URL, credentials inside it, a host that can't be resolved, or one outside the private ranges
            without ``allow_external``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.username is not None or parts.query:
        reason = "holds credentials or a query; put the key into a variable and name it with --api-key-env"
        raise UserError(f"--endpoint {reason}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(f"--endpoint {url!r} is not a URL; give one like http://127.0.0.1:8000/v1")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UserError(f"--endpoint: host {parts.hostname!r} cannot be resolved ({error.strerror})") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    external = not all(map(is_private, addresses))
    if external and not allow_external:
        raise UserError(
            f"--endpoint: {parts.hostname} lies outside the loopback and private ranges; posts would leave your "
            "network. If that is allowed, add --allow-external"
        )
    base = url.rstrip("/").removesuffix("/chat/completions")
    return Destination(base, parts.hostname, addresses, external)


def is_private(address: str) -> bool:
    """Whether an IP address is a loopback or private one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip.version == block.version and ip in block for block in _PRIVATE)
