"""Why a hub cannot be had, in words, each with a remedy of its own."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mula_bridge.errors import Unavailable

_FOR_GOOD: Final = (401, 404, 407, 410, 451)
"""Answers that stay the same however often one asks."""
_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY",
                   "http_proxy")  # fmt: skip


def is_disk(error: Exception) -> bool:
    """Whether it was the disk and not the network, whose errors carry no number."""
    network = isinstance(error, ConnectionError | TimeoutError | ssl.SSLError)
    return isinstance(error, OSError) and error.errno is not None and not network


def unwritable(folder: Path, error: Exception) -> Unavailable:
    """The error for a folder that takes no more."""
    return Unavailable(
        f"{folder} cannot be written ({_flat(error)}); make room, or name another folder with "
        "--into"
    )


def is_final(error: Exception) -> bool:
    """Whether asking again is of no use."""
    names = {type(one).__name__ for one in _chain(error)}
    return (
        _distrust(error) is not None
        or _status(error) in _FOR_GOOD
        or bool(names & {"OfflineModeIsEnabled", "UnsupportedProtocol", "InvalidURL"})
    )


def unreachable(what: str, error: Exception) -> Unavailable:
    """The error for ``what`` that could not be fetched."""
    names = {type(one).__name__ for one in _chain(error)}
    said = f"{type(error).__name__}: {_flat(error)}"
    if (reason := _distrust(error)) is not None:
        return Unavailable(
            f"{what} cannot be fetched: this machine does not trust the server's certificate "
            f"({reason}). Where a company's proxy or a virus scanner reads along, name its "
            "certificate in SSL_CERT_FILE; else see to the machine's date and its own certificates"
        )
    if "OfflineModeIsEnabled" in names:
        return Unavailable(f"{what} cannot be fetched: HF_HUB_OFFLINE is set; unset it to pull")
    if names & {"UnsupportedProtocol", "InvalidURL"}:
        return Unavailable(
            f"{what} cannot be fetched ({said}); --endpoint or HF_ENDPOINT is an address such as "
            "https://huggingface.co, and so are proxies"
        )
    if "ProxyError" in names or _status(error) == 407 or "socksio" in said:
        named = next((f"{name}={os.environ[name]}" for name in _PROXIES if name in os.environ), "")
        return Unavailable(
            f"{what} cannot be fetched through the proxy{f' {named}' if named else ''} ({said}); "
            "mend HTTPS_PROXY, or name the hub in NO_PROXY"
        )
    if _status(error) == 401:
        return Unavailable(f"{what} wants a login ({said}); hf auth login, or unset HF_TOKEN")
    if any(isinstance(one, json.JSONDecodeError) for one in _chain(error)):
        return Unavailable(
            f"{what}: something answers that is no hub ({said}); sign in to the network if it "
            "asks for that, or mend --endpoint or HF_ENDPOINT"
        )
    return Unavailable(
        f"{what} cannot be fetched ({said}); check the connection and start again: what has "
        "arrived stays"
    )


def _distrust(error: Exception) -> str | None:
    """What is wrong with a certificate; None when it is something else."""
    for one in _chain(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return getattr(one, "verify_message", "") or _flat(one)
        if "CERTIFICATE_VERIFY_FAILED" in str(one):
            return _flat(one)
    return None


def _status(error: Exception) -> int | None:
    status: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return status


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split())
