"""Who may change something through the page: codes, the password, sessions, wrong attempts."""

import stat
from pathlib import Path

import pytest

from edge.core.errors import ConfigError
from edge.output.page.access import CODE_S, LONGEST_WAIT_S, SESSION_S, SESSIONS, Access, SignInError
from edge.output.page.page_password import PagePassword, keep_hash_only, read_page_password

HOME = "192.168.1.20"


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access("posekernel-8080", clock=clock)


def cookies(cookie: str) -> str:
    """The header `Cookie` that a browser sends after this `Set-Cookie`."""
    return cookie.partition(";")[0]


def test_a_code_opens_one_session_and_counts_once(access: Access) -> None:
    code = access.new_code()
    cookie = access.sign_in(code, HOME)
    assert access.is_signed_in(cookies(cookie))
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    with pytest.raises(SignInError, match="wrong, or was used before"):
        access.sign_in(code, HOME)


def test_a_code_may_be_typed_in_small_letters_and_without_its_hyphen(access: Access) -> None:
    for typed in (str.lower, lambda code: code.replace("-", ""), lambda code: f" {code} "):
        assert access.sign_in(typed(access.new_code()), HOME)


def test_only_the_newest_code_counts_and_only_for_a_while(access: Access, clock: Clock) -> None:
    old, new = access.new_code(), access.new_code()
    with pytest.raises(SignInError):
        access.sign_in(old, HOME)
    clock.now_s += CODE_S
    with pytest.raises(SignInError):
        access.sign_in(new, HOME)


def test_whoever_asks_again_and_again_neither_floods_nor_voids_the_code(
    access: Access, clock: Clock
) -> None:
    shown = []
    for _ in range(100):  # ten seconds of ten requests each
        shown.append(access.code_to_print())
        clock.now_s += 0.1
    shown.append(access.code_to_print())
    printed = [code for code in shown if code is not None]
    assert len(printed) == 2
    assert printed[0] == printed[1]
    assert access.sign_in(printed[0], HOME)


@pytest.mark.parametrize("secret", ["", "-", " ", "AAAA-AAAA", "é" * 8, "\ud800", "a" * 8000])
def test_without_a_code_nothing_opens_a_session(access: Access, secret: str) -> None:
    with pytest.raises(SignInError):
        access.sign_in(secret, HOME)


@pytest.mark.parametrize(
    "header", ["", "posekernel-8080=", "posekernel-8080", "posekernel-8080=x", "other=1; ;=;"]
)
def test_other_cookies_are_no_session(access: Access, header: str) -> None:
    access.sign_in(access.new_code(), HOME)
    assert not access.is_signed_in(header)


def test_a_session_is_found_among_other_cookies_and_ends(access: Access, clock: Clock) -> None:
    mine = cookies(access.sign_in(access.new_code(), HOME))
    assert access.is_signed_in(f'a={{"b":1}}; {mine}; c="d')
    clock.now_s += SESSION_S - 1.0
    assert access.is_signed_in(mine)
    clock.now_s += 1.0
    assert not access.is_signed_in(mine)


def test_signing_out_ends_the_session_and_takes_the_cookie(access: Access) -> None:
    mine = cookies(access.sign_in(access.new_code(), HOME))
    assert "Max-Age=0" in access.sign_out(mine)
    assert not access.is_signed_in(mine)


def test_sessions_are_bounded_and_the_oldest_goes(access: Access) -> None:
    opened = [cookies(access.sign_in(access.new_code(), HOME)) for _ in range(SESSIONS + 1)]
    assert [access.is_signed_in(each) for each in opened] == [False] + [True] * SESSIONS


def looked_at(access: Access, clock: Clock, seconds: float, addresses: list[str]) -> int:
    """How many of ten wrong attempts a second, from these addresses in turn, were compared."""
    count = 0
    for k in range(round(10.0 * seconds)):
        try:
            access.sign_in("2222-2222", addresses[k % len(addresses)])
        except SignInError as e:
            count += "wrong, or" in str(e)
        clock.now_s += 0.1
    return count


def test_brute_force_at_ten_a_second_gets_nowhere(access: Access, clock: Clock) -> None:
    """Of 72,000 attempts of two hours some thirty are looked at: of 6.6e11 codes."""
    access.new_code(1e9)
    assert 20 < looked_at(access, clock, 7200.0, [HOME]) < 7200.0 / LONGEST_WAIT_S + 12


def test_brute_force_from_many_addresses_is_slowed_down_too(access: Access, clock: Clock) -> None:
    many = [f"10.0.{k // 250}.{k % 250}" for k in range(5000)]
    assert looked_at(access, clock, 3600.0, many) <= 50 + 60 + 1


def test_the_addresses_of_one_ipv6_network_are_one(access: Access, clock: Clock) -> None:
    one = [f"2001:db8::{k:x}" for k in range(1, 200)]
    assert looked_at(access, clock, 9.0, one) == 5
    assert looked_at(access, clock, 0.5, ["2001:db8:0:1::1%eth0"]) == 5
    assert looked_at(access, clock, 0.3, [f"::ffff:{HOME}", HOME]) == 3


def test_five_wrong_ones_lock_for_longer_each_time(access: Access, clock: Clock) -> None:
    waits = []
    for _ in range(12):
        with pytest.raises(SignInError) as refused:
            access.sign_in("wrong", HOME)
        waits.append(refused.value.wait_s)
        clock.now_s += refused.value.wait_s
    assert waits == [0.0] * 4 + [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


def test_a_locked_address_is_not_looked_at_but_others_are_and_it_is_not_locked_for_ever(
    access: Access, clock: Clock
) -> None:
    looked_at(access, clock, 3600.0, [HOME])
    code = access.new_code()
    with pytest.raises(SignInError, match=r"too many wrong attempts; try again in [0-9]+ (s|min)"):
        access.sign_in(code, HOME)
    mine = cookies(access.sign_in(code, "192.168.1.21"))
    assert access.is_signed_in(mine)
    clock.now_s += LONGEST_WAIT_S
    assert access.sign_in(access.new_code(), HOME)
    assert looked_at(access, clock, 0.5, [HOME]) == 5  # a right one is a new beginning


def test_the_password_counts_as_often_as_one_likes(clock: Clock) -> None:
    access = Access("posekernel-8080", PagePassword.of("Grüner Apfel 7"), clock)
    assert access.sign_in("Grüner Apfel 7", HOME) != access.sign_in("Grüner Apfel 7", HOME)
    assert access.sign_in("Gru\u0308ner Apfel 7", HOME)  # as another keyboard types it
    assert access.sign_in(access.new_code(), HOME)
    for wrong in ("grüner apfel 7", "Grüner Apfel 7 ", "", "Grüner Apfel 7" * 20):
        with pytest.raises(SignInError, match="code or password is wrong"):
            access.sign_in(wrong, HOME)


def test_the_password_file_keeps_only_a_hash(tmp_path: Path) -> None:
    file = tmp_path / "page.password"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    first = read_page_password(str(file))
    assert first is not None
    assert file.read_text() == "correct horse\n"  # to be read is not to be changed
    keep_hash_only(str(file), first)
    kept = file.read_text()
    assert kept.startswith("scrypt:")
    assert "correct" not in kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = read_page_password(str(file))
    assert again is not None
    keep_hash_only(str(file), again)
    assert file.read_text() == kept
    assert "salt" not in repr(first)
    for password in (first, again):
        assert password.is_right("correct horse")
        assert not password.is_right("correct horsf")


def test_a_password_file_that_cannot_be_replaced_still_counts(tmp_path: Path) -> None:
    file = tmp_path / ("a" * 254)  # the new file's name would be too long
    file.write_text("correct horse")
    found = read_page_password(str(file))
    assert found is not None
    keep_hash_only(str(file), found)
    assert found.is_right("correct horse")
    assert file.read_text() == "correct horse"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"short", "the page's password has 5 characters, allowed: 8 to 200"),
        (b"", "the page's password has 0 characters"),
        (b"scrypt:AAAA:BBBB", "begins with scrypt: but is no hash that posekernel wrote"),
        (b"scrypt:x", "begins with scrypt:"),
        (b"\xff\xfe12345678", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_password_file_of_no_use_is_one_sentence(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "page.password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^web\.password_file: .*{told}"):
        read_page_password(str(file))
    assert content is None or file.read_bytes() == content


def test_without_a_file_there_is_no_password() -> None:
    assert read_page_password("") is None
