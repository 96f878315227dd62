"""Mail servers for the tests: one that says what a script tells it, with TLS where wanted."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
SILENCE, HANG_UP = "", "hang up"
USUAL = {
    "CONNECT": "220 scripted.example ready",
    "EHLO": "250-scripted.example\r\n250 SIZE 40000000",
    "MAIL": "250 sender ok",
    "RCPT": "250 recipient ok",
    "DATA": "354 go ahead",
    "NOOP": "250 still here",
    "QUIT": "221 bye",
    ".": "250 accepted",
}


@dataclass
class ScriptedServer:
    """Replies by the verb of each line (`.` ends a message); `SILENCE` and `HANG_UP` do that."""

    script: Mapping[str, str]
    port: int = 0
    heard: list[str] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.heard.append("(lost)")
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb = "CONNECT"
        while True:
            reply = self.script.get(verb, USUAL.get(verb, "500 what?"))
            if reply == HANG_UP:
                return
            if reply != SILENCE:
                writer.write(f"{reply}\r\n".encode())
                await writer.drain()
            if reply.startswith("354"):
                self.messages.append(await reader.readuntil(b"\r\n.\r\n"))
                verb = "."
                continue
            line = (await reader.readline()).decode().strip()
            if not line:
                return
            self.heard.append(line)
            verb = line.split()[0].upper()


@asynccontextmanager
async def scripted(
    script: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """A server with these replies instead of the usual ones."""
    server = ScriptedServer(script or {})
    listening = await asyncio.start_server(server.serve, HOST, 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


def certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context and the file with its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scripted.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = directory / "authority.pem", directory / "key.pem"
    authority.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context, authority
