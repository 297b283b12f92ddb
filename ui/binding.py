"""Where a server listens: the address, TLS, and what must be there before another computer may reach it."""

import errno
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import AppError, ConfigError
from docent import cause_of

if TYPE_CHECKING:
    import ipaddress

    from app.settings.schema import ServerSettings

_LOCALHOST = "localhost"
_PORTS_TRIED = 20  # from the configured port on, when nobody asked for that very port


@dataclass(frozen=True, slots=True)
class Binding:
    """An address, and the files with which TLS is spoken there: certificate and key, or None."""

    address: "ipaddress.IPv4Address | ipaddress.IPv6Address"
    tls: tuple[Path, Path] | None = None

    @property
    def scheme(self) -> str:
        return "http" if self.tls is None else "https"

    @property
    def is_local(self) -> bool:
        """Whether this computer alone can reach it."""
        return self.address.is_loopback

    def place(self, port: int) -> str:
        """How a browser on this computer names it; every address of the computer is meant by 0.0.0.0."""
        if self.address.is_unspecified:
            return f"127.0.0.1:{port}"
        return f"[{self.address}]:{port}" if self.address.version == 6 else f"{self.address}:{port}"

    def hosts(self, port: int) -> list[str]:
        """The names beside those of this computer under which it may be asked for."""
        return [] if self.address.is_unspecified else [self.place(port)]


def binding(settings: "ServerSettings", host: str, *, has_key: bool) -> Binding:
    """What is to be listened on at ``host``. ``has_key``: programs have a key. Raises ConfigError where the address or
    a file cannot be used, or where strangers could come in or read along."""
    import ipaddress

    try:
        address = ipaddress.ip_address("127.0.0.1" if host == _LOCALHOST else host.strip("[]"))
    except ValueError as error:
        raise ConfigError(
            f"{host} is no address of this computer.", "Name one, such as 192.168.1.5, or 0.0.0.0 for all it has."
        ) from error
    found = Binding(address, _tls(settings))
    if found.is_local:
        return found
    if not settings.users and not has_key:
        raise ConfigError(
            f"Docent does not listen on {host} as long as nobody has a key: it could not tell who may come in.",
            "Add a user with `docent user add NAME`, or a key of programs with --api-key.",
        )
    if found.tls is None and not settings.plain_http:
        raise ConfigError(
            f"Docent does not listen on {host} without TLS: keys, questions and documents could be read on the way.",
            "Set server.tls_certificate and server.tls_key, or server.plain_http to true where a proxy or a network of "
            "your own protects them.",
        )
    return found


def _tls(settings: "ServerSettings") -> tuple[Path, Path] | None:
    """Checks the files of TLS."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("TLS needs a certificate and its key.", "Set both server.tls_certificate and server.tls_key.")
    import ssl

    try:
        if os.name == "posix" and stat.S_IMODE(key.stat().st_mode) & 0o007:
            raise ConfigError(f"Everybody on this computer can read {key}.", f"chmod 600 {key}")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ConfigError(
            f"TLS cannot be spoken with {certificate} and {key} ({cause_of(error)}).",
            "Name a certificate and its key as PEM files, the key without a password.",
        ) from error
    return certificate, key


def _no_password() -> str:
    raise ValueError("the key has a password")


def listen(where: Binding, port: int, *, is_wanted: bool) -> socket.socket:
    """Opens a socket on the port; on one of the next where it is taken and not explicitly wanted. Raises AppError."""
    family = socket.AF_INET if where.address.version == 4 else socket.AF_INET6
    for candidate in [port] if is_wanted else range(port, port + _PORTS_TRIED):
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # on Windows this option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(where.address), candidate))
            listener.listen()
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRNOTAVAIL:
                raise AppError(
                    f"This computer does not have the address {where.address}.", "Name one it has."
                ) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return listener
    raise AppError(f"Port {port} cannot be used.", "Choose another with --port, or --port 0 for any free one.")
