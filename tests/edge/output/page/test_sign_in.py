"""Signing in over HTTP, and requests that this page did not send."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from edge.core.errors import PosekernelError
from edge.output.page.access import Access
from edge.output.page.bounded_http import BODY_BYTES, BoundedServer
from edge.output.page.own_hosts import OwnHosts
from edge.output.page.requests import PageAnswer, PageRequest
from edge.output.page.sign_in import SignIn
from tests.support.browser.page_requests import ask


class Guarded:
    """A server with something to change, and the codes that it printed."""

    def __init__(self) -> None:
        self.changes: list[Any] = []
        self.codes: list[str] = []
        self.access = Access("posekernel-test")
        sign_in = SignIn(self.access, self.codes.append)
        self.server = BoundedServer(("127.0.0.1", 0))
        self.port = int(self.server.server_address[1])
        self.server.files, self.server.headers = {}, {"X-Content-Type-Options": "nosniff"}
        self.server.hosts = OwnHosts("127.0.0.1", self.port, any_address=False)
        change = sign_in.guarded(self._change)
        self.server.responders = sign_in.responders | {("POST", "/change"): change}

    def _change(self, request: PageRequest) -> PageAnswer:
        self.changes.append(request.content)
        return PageAnswer({"changed": len(self.changes)})

    def ask(
        self, method: str, path: str, body: str = "{}", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        """A request as the page's own, but for these headers ("" leaves one out)."""
        sent = body.encode() if method == "POST" else None
        answer = ask(self.port, method, path, sent, **headers)
        is_json = answer.body.startswith(b"{")
        return answer.status, answer.headers, answer.content if is_json else answer.body.decode()

    def signed_in(self) -> str:
        """The header `Cookie` of a new session."""
        secret = json.dumps({"secret": self.access.new_code()})
        return self.ask("POST", "/access/sign_in", secret)[1]["Set-Cookie"].partition(";")[0]


@pytest.fixture
def page() -> Iterator[Guarded]:
    guarded = Guarded()
    thread = threading.Thread(target=guarded.server.serve_forever, args=(0.01,))
    thread.start()
    yield guarded
    guarded.server.shutdown()
    guarded.server.server_close()
    thread.join()


def test_the_code_from_the_terminal_lets_change(page: Guarded) -> None:
    assert page.ask("POST", "/change", '{"a": 1}')[0] == 401
    assert page.ask("GET", "/access.json")[2] == {"signed_in": False, "has_password": False}
    assert page.ask("POST", "/access/code")[::2] == (200, {})
    (code,) = page.codes
    status, headers, content = page.ask("POST", "/access/sign_in", json.dumps({"secret": code}))
    assert (status, content) == (200, {"signed_in": True})
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert page.ask("POST", "/change", '{"a": 1}', Cookie=cookie)[::2] == (200, {"changed": 1})
    assert page.ask("GET", "/access.json", Cookie=cookie)[2]["signed_in"]
    assert page.changes == [{"a": 1}]
    assert page.ask("POST", "/access/sign_out", Cookie=cookie)[0] == 200
    assert page.ask("POST", "/change", Cookie=cookie)[0] == 401


def test_a_code_that_was_used_changes_nothing(page: Guarded) -> None:
    secret = json.dumps({"secret": page.access.new_code()})
    assert page.ask("POST", "/access/sign_in", secret)[0] == 200
    status, headers, content = page.ask("POST", "/access/sign_in", secret)
    assert (status, content["error"]) == (403, "this code is wrong, or was used before")
    assert "Set-Cookie" not in headers


def test_brute_force_is_told_to_wait(page: Guarded) -> None:
    asked = [page.ask("POST", "/access/sign_in", '{"secret": "2222-2222"}') for _ in range(10)]
    assert [status for status, *_ in asked] == [403] * 4 + [429] * 6
    assert 9.0 < asked[-1][2]["wait_s"] <= 10.0


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost:{0}"},  # a name of this page, but not the one that it is at
        {"Origin": "http://127.0.0.1:{0}.evil.example"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_another_site_changes_nothing_even_in_a_session(
    page: Guarded, headers: dict[str, str]
) -> None:
    headers = {name: value.format(page.port) for name, value in headers.items()}
    for path in ("/change", "/access/code", "/access/sign_out", "/access/sign_in"):
        status, _, content = page.ask("POST", path, Cookie=page.signed_in(), **headers)
        assert status == 403
        assert content["error"].startswith("only this page itself may change something")
    assert (page.changes, page.codes) == ([], [])


def test_a_name_that_was_pointed_here_changes_nothing(page: Guarded) -> None:
    host = f"evil.example:{page.port}"
    cookie = page.signed_in()
    assert page.ask("POST", "/change", Host=host, Origin=f"http://{host}", Cookie=cookie)[0] == 421
    assert page.changes == []


def test_a_proxy_with_tls_is_known_by_what_the_browser_says_of_the_site(page: Guarded) -> None:
    told = {"Origin": "https://hall.example", "Sec_Fetch_Site": "same-origin"}
    assert page.ask("POST", "/change", Cookie=page.signed_in(), **told)[0] == 200


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
def test_a_form_is_no_json(page: Guarded, kind: str) -> None:
    status, *_ = page.ask("POST", "/change", Cookie=page.signed_in(), Content_Type=kind)
    assert status == 415
    assert page.changes == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400), ("[]", 400), ("null", 400), ('{"a":', 400), ("{", 400), ("[" * 5000, 400),
        ('{"a": NaN}', 400), (json.dumps({"a": "x" * BODY_BYTES}), 413),
    ],
)  # fmt: skip
def test_a_body_of_another_kind_is_one_sentence(page: Guarded, body: str, status: int) -> None:
    found, _, content = page.ask("POST", "/change", body, Cookie=page.signed_in())
    assert found == status
    assert content["error"]
    assert page.changes == []


def test_a_body_without_a_length_is_not_read(page: Guarded) -> None:
    found = page.ask("POST", "/change", Transfer_Encoding="chunked", Cookie=page.signed_in())
    assert found[0] == 411
    assert page.changes == []


@pytest.mark.parametrize(
    "body", ["{}", '{"secret": 5}', '{"secret": null}', '{"secret": "a", "b": 1}']
)
def test_signing_in_without_a_text_is_one_sentence(page: Guarded, body: str) -> None:
    status, _, content = page.ask("POST", "/access/sign_in", body)
    assert status == 400
    assert content["error"]


def test_errors_have_the_protecting_headers(page: Guarded) -> None:
    for origin in ("", f"http://127.0.0.1:{page.port}"):
        headers = page.ask("POST", "/change", Origin=origin)[1]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Type"] == "application/json"


def test_the_error_of_an_attempt_does_not_show_the_secret(page: Guarded) -> None:
    with pytest.raises(PosekernelError) as refused:
        page.access.sign_in("my secret", "127.0.0.1")
    assert "secret" not in str(refused.value)
