"""Who may change something through a page: whoever has a one-time code, or the password.

A right one opens a session, which the browser keeps as a cookie that no script can read and no
other site can send.
"""

import hashlib
import ipaddress
import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from edge.core.errors import PosekernelError
from edge.output.page.page_password import PagePassword

# No letters and digits that look alike. Eight of 30 are 39 bits.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 8
CODE_S = 600.0
_CODE_AGAIN_S = 10.0  # a flood of requests must not flood the terminal
SESSION_S = 12 * 3600.0
SESSIONS = 16  # at a time; the oldest goes
FREE_ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 10.0, 300.0
_FORGET_S = 3600.0  # an address without a wrong attempt for so long begins anew
_ADDRESSES = 1024
# Of all addresses together: so many at once, and then one in each such time.
_TOGETHER, _TOGETHER_S = 50.0, 60.0


class SignInError(PosekernelError, PermissionError):
    """A code or password that is wrong, or comes too soon. wait_s: before the next attempt counts;
    0: at once.
    """

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Access:
    """Codes, password and sessions of one page. Thread-safe; nothing of it outlives the process.

    name: of the cookie; pages of one machine at several ports share their cookies, so that each
    needs a name of its own. password: None where only codes count.
    """

    def __init__(
        self,
        name: str,
        password: PagePassword | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.has_password = password is not None
        self._password, self._clock = password, clock
        self._lock = threading.Lock()
        self._code, self._code_end_s, self._code_again_s = "", -math.inf, -math.inf
        self._sessions: OrderedDict[bytes, float] = OrderedDict()  # digest of the token: its end
        self._attempts = _Attempts(clock)

    def new_code(self, lifetime_s: float = CODE_S) -> str:
        """A code that opens one session, for the terminal; an earlier one no longer counts."""
        with self._lock:
            return self._new_code(lifetime_s)

    def code_to_print(self) -> str | None:
        """The code for whoever asks for one: that which is valid, else a new one; None where it was
        given a moment ago.
        """
        with self._lock:
            now = self._clock()
            if now < self._code_again_s:
                return None
            self._code_again_s = now + _CODE_AGAIN_S
            valid = self._code and now < self._code_end_s
            return f"{self._code[:4]}-{self._code[4:]}" if valid else self._new_code(CODE_S)

    def sign_in(self, secret: str, address: str) -> str:
        """The cookie of a new session (`Set-Cookie`) for the right code or password. address: the
        client's, whose wrong attempts are counted. Raises SignInError.
        """
        with self._lock:
            if wait_s := self._attempts.wait_s(address):
                raise SignInError(
                    f"too many wrong attempts; try again in {_minutes(wait_s)}", wait_s
                )
            if not self._is_right(secret):
                wait_s = self._attempts.wrong(address)
                then = f"; try again in {_minutes(wait_s)}" if wait_s else ""
                what = "code or password" if self.has_password else "code"
                raise SignInError(f"this {what} is wrong, or was used before{then}", wait_s)
            self._attempts.right(address)
            token = secrets.token_urlsafe(32)
            self._sessions[_digest(token)] = self._clock() + SESSION_S
            while len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)
        return self._cookie(token, round(SESSION_S))

    def is_signed_in(self, cookies: str) -> bool:
        """Whether a request with these cookies (the header `Cookie`) belongs to a session."""
        with self._lock:
            end_s = self._sessions.get(_digest(self._token(cookies)), -math.inf)
            return self._clock() < end_s

    def sign_out(self, cookies: str) -> str:
        """End the session; returns the cookie that removes it from the browser."""
        with self._lock:
            self._sessions.pop(_digest(self._token(cookies)), None)
        return self._cookie("", 0)

    def _new_code(self, lifetime_s: float) -> str:
        self._code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
        self._code_end_s = self._clock() + lifetime_s
        return f"{self._code[:4]}-{self._code[4:]}"

    def _is_right(self, secret: str) -> bool:
        typed = "".join(c for c in secret.upper() if c not in "- ")
        if self._code and self._clock() < self._code_end_s and _same(typed, self._code):
            self._code = ""
            return True
        return self._password is not None and self._password.is_right(secret)

    def _token(self, cookies: str) -> str:
        # Not http.cookies, which finds none at all where another page's cookie is unusual.
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        return next((value for name, _, value in pairs if name == self.name), "")

    def _cookie(self, token: str, max_age_s: int) -> str:
        return f"{self.name}={token}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Strict"


@dataclass(slots=True)
class _Address:
    wrong: int = 0
    free_s: float = -math.inf  # from when on the next attempt counts
    last_s: float = -math.inf


class _Attempts:
    """Wrong attempts by address, and of all addresses together."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _Address] = OrderedDict()
        self._left, self._left_at_s = _TOGETHER, clock()

    def wait_s(self, address: str) -> float:
        """How long this address must wait; 0: not at all. A waiting one is not looked at, so that
        it cannot lengthen its own time.
        """
        now = self._clock()
        self._left = min(_TOGETHER, self._left + (now - self._left_at_s) / _TOGETHER_S)
        self._left_at_s = now
        known = self._known.get(_whose(address))
        own_s = 0.0 if known is None else known.free_s - now
        return max(0.0, own_s, (1.0 - self._left) * _TOGETHER_S)

    def wrong(self, address: str) -> float:
        """Count one, after `wait_s`; returns how long the next must wait."""
        now = self._clock()
        known = self._known.pop(_whose(address), _Address())
        if now - known.last_s > _FORGET_S:
            known = _Address()
        known.wrong, known.last_s = known.wrong + 1, now
        wait_s = 0.0
        if known.wrong >= FREE_ATTEMPTS:
            doublings = min(known.wrong - FREE_ATTEMPTS, 10)
            wait_s = min(FIRST_WAIT_S * 2.0**doublings, LONGEST_WAIT_S)
        known.free_s = now + wait_s
        self._known[_whose(address)] = known
        while len(self._known) > _ADDRESSES:
            self._known.popitem(last=False)
        self._left -= 1.0
        return wait_s

    def right(self, address: str) -> None:
        """This address is somebody who may."""
        self._known.pop(_whose(address), None)


def _whose(address: str) -> str:
    """Who has one IPv6 address has the 2**64 of its network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))


def _same(a: str, b: str) -> bool:
    return secrets.compare_digest(a.encode(errors="replace"), b.encode(errors="replace"))


def _digest(token: str) -> bytes:
    """Looked up instead of the token, so that the time it takes tells nothing of one."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < 100.0 else f"{math.ceil(seconds / 60.0)} min"
