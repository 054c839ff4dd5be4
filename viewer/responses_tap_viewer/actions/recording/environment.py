"""The environment variables that point a client at the recorder, for a command or for a user to set."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import certifi

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shell_word

if TYPE_CHECKING:  # mitmproxy takes a second to import, and `clients` doesn't need it
    from responses_tap.mitm.proxy import Listener, Proxy
    from responses_tap.mitm.proxy_group import ProxyGroup

TRUST = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CODEX_CA_CERTIFICATE",
    "DENO_CERT", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",
)  # fmt: skip
"""Variables that name a file of trusted certificates, each read by a different runtime or library."""
_PROXY_MODES = ("regular", "upstream")


def variables(proxy: "Proxy | ProxyGroup", listener: "Listener", folder: Path) -> dict[str, str]:
    """The variables that point a client at the listener. Files that they name are written to `folder`.

    For modes that no variable selects, only those of the CA.
    """
    if listener.mode == "reverse":
        return {"OPENAI_BASE_URL": listener.url}
    trust = dict.fromkeys(TRUST, str(_bundle(proxy.ca, folder)))
    if listener.mode == "socks5":
        return dict.fromkeys(("ALL_PROXY", "all_proxy"), listener.url) | trust
    if listener.mode not in _PROXY_MODES:
        return trust
    names = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
    # Node reads the proxy variables only with this setting, and only from version 22.21 or 24 on.
    return dict.fromkeys(names, listener.url) | {"NODE_USE_ENV_PROXY": "1"} | trust


def export_lines(settings: Mapping[str, str]) -> Iterator[str]:
    """The lines that set variables in a shell, grouped by value."""
    for value in dict.fromkeys(settings.values()):
        names = [name for name, given in settings.items() if given == value]
        yield "export " + " ".join(f"{name}={shell_word(value)}" for name in names)


def upstream_ca() -> str | None:
    """The file of trusted certificates for upstreams that SSL_CERT_FILE names; None if unset."""
    file = os.environ.get("SSL_CERT_FILE") or None
    if file is not None and not Path(file).is_file():
        raise UnusableInput(file, "is set as SSL_CERT_FILE but is not a file")
    return file


def _bundle(ca: bytes, folder: Path) -> Path:
    """The CA together with the usual roots, which connections past the proxy need."""
    files = [os.environ.get("SSL_CERT_FILE") or certifi.where(), *map(os.environ.get, TRUST)]
    bundle = folder / "ca-bundle.pem"
    trusted = [path.read_bytes() for file in dict.fromkeys(filter(None, files)) if (path := Path(file)).is_file()]
    bundle.write_bytes(b"\n".join([*trusted, ca]))
    return bundle
