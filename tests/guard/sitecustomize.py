"""No network in this process: Python imports this by itself where its folder is on PYTHONPATH, before anything else.

Connections to other machines are refused, and names of other machines are not looked up.
"""

import socket
from collections.abc import Callable
from typing import Any

REFUSED = "tests have no network"
_HERE = (None, "", "localhost", "127.0.0.1", "::1", b"localhost", b"127.0.0.1")


def _is_here(address: Any) -> bool:
    """Tell whether an address is on this machine: a path of a Unix socket, or a pair whose host is this one."""
    return not isinstance(address, tuple) or not isinstance(address[0], (str, bytes)) or address[0] in _HERE


def _checked(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: socket.socket, *arguments: Any) -> Any:
        if not _is_here(arguments[-1]):
            raise OSError(REFUSED)
        return call(self, *arguments)

    return checked


def _checked_name(call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in _HERE:
            raise OSError(REFUSED)
        return call(host, *arguments, **options)

    return checked


for _name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, _name, _checked(getattr(socket.socket, _name)))
socket.getaddrinfo = _checked_name(socket.getaddrinfo)
