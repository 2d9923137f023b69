"""The requests by which a browser opens and ends a session of `Access`."""

from collections.abc import Callable
from http import HTTPStatus

from edge.core.errors import ConfigError
from edge.core.typed import Strict, convert
from edge.output.page.access import Access, SignInError
from edge.output.page.requests import PageAnswer, PageRequest, Responder, refusal


class _SignIn(Strict, frozen=True):
    secret: str


class SignIn:
    """Responders for a page with this access. print_code: shows a code to who sees the terminal."""

    def __init__(self, access: Access, print_code: Callable[[str], None]) -> None:
        self._access, self._print_code = access, print_code

    @property
    def responders(self) -> dict[tuple[str, str], Responder]:
        """As `BoundedServer` takes them."""
        return {
            ("GET", "/access.json"): self._state,
            ("POST", "/access/code"): self._code,
            ("POST", "/access/sign_in"): self._sign_in,
            ("POST", "/access/sign_out"): self._sign_out,
        }

    def guarded(self, responder: Responder) -> Responder:
        """The responder, for requests of a session only."""

        def answer(request: PageRequest) -> PageAnswer:
            if not self._access.is_signed_in(request.cookies):
                return refusal(
                    HTTPStatus.UNAUTHORIZED, "sign in first: only then may you change this"
                )
            return responder(request)

        return answer

    def _state(self, request: PageRequest) -> PageAnswer:
        access = self._access
        return PageAnswer(
            {"signed_in": access.is_signed_in(request.cookies), "has_password": access.has_password}
        )

    def _code(self, request: PageRequest) -> PageAnswer:
        code = self._access.code_to_print()
        if code is not None:
            self._print_code(code)
        return PageAnswer({})

    def _sign_in(self, request: PageRequest) -> PageAnswer:
        try:
            secret = convert(request.content, _SignIn).secret
        except ConfigError as e:
            return refusal(HTTPStatus.BAD_REQUEST, str(e))
        try:
            cookie = self._access.sign_in(secret, request.address)
        except SignInError as e:
            status = HTTPStatus.TOO_MANY_REQUESTS if e.wait_s else HTTPStatus.FORBIDDEN
            return refusal(status, str(e), wait_s=round(e.wait_s, 1))
        return PageAnswer({"signed_in": True}, headers={"Set-Cookie": cookie})

    def _sign_out(self, request: PageRequest) -> PageAnswer:
        cookie = self._access.sign_out(request.cookies)
        return PageAnswer({"signed_in": False}, headers={"Set-Cookie": cookie})
