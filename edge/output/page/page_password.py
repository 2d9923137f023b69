"""The page's password, kept as a scrypt hash (RFC 7914)."""

import base64
import hashlib
import logging
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole

SHORTEST, LONGEST = 8, 200
# 16 MiB of memory while it is tried; OpenSSL's own limit is 32 MiB.
_N, _R, _P = 2**14, 8, 1
_SALT_BYTES, _HASH_BYTES = 16, 32
_HASHED = "scrypt:"  # how a hash begins in a file

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class PagePassword:
    """A password of which only salt and hash are known."""

    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> Self:
        """Raises ConfigError for one that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise ConfigError(
                f"the page's password has {len(password)} characters, allowed: {SHORTEST} to "
                f"{LONGEST}; take several words"
            )
        salt = secrets.token_bytes(_SALT_BYTES)
        return cls(salt, _scrypt(password, salt))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """From what `line` gave. Raises ConfigError for another text."""
        try:
            salt, digest = (base64.b64decode(part) for part in line.split(":")[1:])
            if len(salt) != _SALT_BYTES or len(digest) != _HASH_BYTES:
                raise ValueError("another length")
        except ValueError:
            raise ConfigError(
                "begins with scrypt: but is no hash that posekernel wrote; write the password "
                "itself, which the next start replaces by its hash"
            ) from None
        return cls(salt, digest)

    @property
    def line(self) -> str:
        """For a file: salt and hash."""
        parts = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return _HASHED + ":".join(parts)

    def is_right(self, password: str) -> bool:
        """Whether it is this one; takes the same time for each."""
        return secrets.compare_digest(_scrypt(password[:LONGEST], self.salt), self.digest)


def read_page_password(path: str) -> PagePassword | None:
    """The password of the file web.password_file, on one line, or its hash; None without a file.
    Raises ConfigError.
    """
    if not path:
        return None
    try:
        text = read_file(Path(path)).decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        why = (isinstance(e, OSError) and e.strerror) or "it is not UTF-8 text"
        raise ConfigError(
            f"web.password_file: cannot read {path} ({why}); write the password on one line, "
            "mode 0600"
        ) from e
    try:
        return PagePassword.from_line(text) if text.startswith(_HASHED) else PagePassword.of(text)
    except ConfigError as e:
        raise ConfigError(f"web.password_file: {path}: {e}") from e


def keep_hash_only(path: str, password: PagePassword) -> None:
    """Replace the password in its file by its hash, where that is not done and can be."""
    try:
        if not read_file(Path(path)).startswith(_HASHED.encode()):
            write_whole(Path(path), f"{password.line}\n".encode())
    except OSError as e:
        log.info("%s: stays as it is, not hashed (%s)", path, e.strerror)


def _scrypt(password: str, salt: bytes) -> bytes:
    """One password may be typed as several sequences of code points: NFKC (RFC 8265)."""
    text = unicodedata.normalize("NFKC", password).encode(errors="replace")
    return hashlib.scrypt(text, salt=salt, n=_N, r=_R, p=_P, dklen=_HASH_BYTES)
