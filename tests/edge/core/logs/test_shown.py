"""Secrets and control characters in what people read."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.config import CameraConfig, MqttConfig
from edge.core.errors import BrokerError, ConfigError, DeviceError, PosekernelError
from edge.core.logs.shown import masked, printable, quoted, shown
from edge.core.typed import convert

SECRET = "s3cr3t-horse"


@pytest.mark.parametrize(
    "text",
    [
        f"mqtt://bob:{SECRET}@broker:1883",
        f"rtsp://bob:{SECRET}@192.168.1.9/stream1?x=1",
        f"rtsp://bob:{SECRET}/with/slashes@host",
        f"rtsp://bob:{SECRET}@with@ats@host",
        f"video file {f'rtsp://bob:it is {SECRET}@host'!r} does not exist",
        f"video file {f'''rtsp://bob:it's {SECRET}@host'''!r} does not exist",
        f"wss://{SECRET}@host/",  # a token for a user
        f"bob:{SECRET}@broker",
        f"rtspsrc location=rtsp://h/ user-id=bob user-pw={SECRET} ! appsink",
        f'rtspsrc user-pw="{SECRET} with blanks" ! appsink',
        f"http://camera/video.cgi?user=bob&password={SECRET}&x=1",
        f"http://camera/video.cgi?user=bob&pwd={SECRET}",
        f"POSEKERNEL_MQTT_PASSWORD={SECRET}",
        f"{{'password': '{SECRET}'}}",
        f'{{"api_key":"{SECRET}"}}',
        f"souphttpsrc proxy-pw={SECRET}",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    assert SECRET not in masked(text)
    assert "***" in masked(text)
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "mqtt.password_file: cannot read /etc/posekernel/password (No such file); create it",
        "check mqtt.username, the password in /etc/posekernel/password and the broker's log",
        "MQTT broker at 127.0.0.1:1883: nothing listens there; set mqtt.host and mqtt.port",
        "page: http://127.0.0.1:8080/",
        "MQTT broker at [::1]:1883 closed the connection",
        "posekernel@kitchen.service",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


@given(st.text(string.ascii_letters + string.digits + "!$%&*()_+-=;,.'/:@", min_size=6))
def test_no_password_in_a_url_is_shown(password: str) -> None:
    assert password not in masked(f"found 'rtsp://bob:{password}@host/1', but").replace("***", "")


def test_a_secret_is_masked_before_a_value_is_cut() -> None:
    assert SECRET not in quoted(f"rtsp://bob:{SECRET}{'x' * 60}@host", 40)
    with pytest.raises(ConfigError) as caught:
        convert({"backend": f"rtsp://b:{SECRET}{'x' * 60}@host"}, CameraConfig, "camera")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", [PosekernelError, ConfigError, DeviceError, BrokerError])
def test_errors_show_no_secret_and_no_escape_sequence(kind: type[PosekernelError]) -> None:
    error = kind(f"camera 'rtsp://bob:{SECRET}@host' \x1b[2Jdid not open")
    for text in (str(error), repr(error), repr(error.args)):
        assert SECRET not in text
        assert "\x1b" not in text
    assert "\\x1b[2Jdid not open" in str(error)


def test_a_configuration_shows_no_secret() -> None:
    text = repr(
        (MqttConfig(host=f"mqtt://bob:{SECRET}@h"), CameraConfig(device=f"rtsp://b:{SECRET}@h"))
    )
    assert SECRET not in text
    assert "mqtt://***@h" in text


def test_control_characters_are_escaped_and_letters_stay() -> None:
    assert printable("玄関 Küche مطبخ") == "玄関 Küche مطبخ"
    assert printable("a\x1b]0;title\x07\r\n\u202eb") == "a\\x1b]0;title\\x07\\r\\n\\u202eb"
    assert printable("one\ntwo", keep="\n") == "one\ntwo"


def test_a_long_text_from_outside_costs_little() -> None:
    """Each took minutes with unbounded repetitions."""
    for text in (
        "a://" * 50_000,
        "a:" * 100_000 + "@",
        "'a://" * 50_000 + "@",
        "password" * 30_000,
    ):
        shown(text)
