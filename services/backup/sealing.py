"""Encryption of an archive in the format of age (https://age-encryption.org/v1).

For recipients the file is plain age, which its own tool opens too. By a passphrase it begins with `PDSEAL1\n`, four
bytes of length and a fresh age identity that the passphrase seals; the archive follows, sealed for that identity. The
library seals a passphrase's text only as a whole, and an archive may be larger than the memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import pyrage

from services.errors import InvalidInput

HEADER: Final = b"age-encryption.org/"
PASSPHRASE_HEADER: Final = b"PDSEAL1\n"


@dataclass(frozen=True)
class Keys:
    """What seals or opens an archive: a passphrase, or age's recipients (to seal) and a file of identities (to open)."""

    passphrase: str | None = None
    recipients: Sequence[str] = ()
    identities: Path | None = None

    @property
    def seals(self) -> bool:
        return bool(self.passphrase or self.recipients)


@contextmanager
def sealed(target: IO[bytes], keys: Keys) -> Iterator[IO[bytes]]:
    """A stream whose bytes go to `target` encrypted; `target` itself where the keys ask for nothing."""
    if not keys.seals:
        yield target
        return
    if keys.passphrase and keys.recipients:
        raise InvalidInput("Seal the backup by a passphrase or for recipients, not both.")
    if keys.passphrase:
        identity = pyrage.x25519.Identity.generate()
        key = pyrage.passphrase.encrypt(str(identity).encode(), keys.passphrase)
        target.write(PASSPHRASE_HEADER + len(key).to_bytes(4, "big") + key)
        recipients = [identity.to_public()]
    else:
        recipients = [_recipient(text) for text in keys.recipients]

    def seal(source: IO[bytes]) -> None:
        pyrage.encrypt_io(source, target, recipients)

    with _through(seal) as stream:
        yield stream


def opened(source: Path, target: Path, keys: Keys) -> None:
    """The archive `source` decrypted into `target`. Raises InvalidInput when the keys don't open it."""
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            pyrage.decrypt_io(reading, writing, _identities(reading, keys))
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise InvalidInput("The backup can't be decrypted: the key does not fit, or the file is damaged.") from error


def is_sealed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEADER)).startswith((HEADER, PASSPHRASE_HEADER))


def _identities(reading: IO[bytes], keys: Keys) -> list[Any]:
    """What opens the archive; leaves the stream where age's part begins. Raises InvalidInput when nothing was given."""
    if reading.read(len(PASSPHRASE_HEADER)) == PASSPHRASE_HEADER:
        if not keys.passphrase:
            raise InvalidInput("The backup is encrypted by a passphrase; give it with --passphrase-file.")
        key = reading.read(int.from_bytes(reading.read(4), "big") & 0xFFFF)
        return [pyrage.x25519.Identity.from_str(pyrage.passphrase.decrypt(key, keys.passphrase).decode())]
    reading.seek(0)
    if not keys.identities:
        raise InvalidInput("The backup is encrypted; give the file of identities that open it with --identity.")
    return [pyrage.x25519.Identity.from_str(line) for line in _secret_lines(keys.identities)]


def _recipient(text: str) -> Any:
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise InvalidInput(f"'{text[:80]}' is no recipient; age's begin with age1.") from error


def _secret_lines(path: Path) -> list[str]:
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidInput(f"The file of identities {path} can't be read: {reason}.") from error
    return [line for line in lines if line.startswith("AGE-SECRET-KEY-")]


@contextmanager
def _through(work: Callable[[IO[bytes]], None]) -> Iterator[IO[bytes]]:
    """A stream to write to, whose other end `work` reads in a thread of its own; its failure is raised here."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def run() -> None:
        with os.fdopen(reading, "rb") as source:
            try:
                work(source)
            except BaseException as error:  # noqa: BLE001  # raised again where the stream is closed
                failures.append(error)

    thread = threading.Thread(target=run, name="seal-backup")
    thread.start()
    try:
        with os.fdopen(writing, "wb") as stream:
            yield stream
    except BrokenPipeError:
        if not failures:
            raise
    finally:
        thread.join()
    if failures:
        raise failures[0]
