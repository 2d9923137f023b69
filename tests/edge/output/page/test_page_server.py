"""The page's HTTP server: what it serves, to whom, and what it never does."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, MqttConfig, WebConfig, ZoneConfig, check_config
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig
from edge.output.page import bounded_http
from edge.output.page.bounded_http import CONNECTIONS, REQUEST_BYTES, REQUEST_S
from edge.output.page.description import page_description
from edge.output.page.server import FILES, WebServer
from tests.support.browser.page_requests import ask
from tests.support.waiting import LIMIT_S, until

RIG = Rig(
    speakers=np.array([[0.1, 0.05, 0.0]]),
    mics=np.array([[-0.03, 0.05, 0.0], [0.03, 0.05, 0.0]]),
    pairs=np.array([[0, 0], [0, 1]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0, height_m=1.5, tilt_deg=10.0),
    speed_of_sound_m_s=343.0,
)
CONFIG = Config(
    device=DeviceConfig("hall"),
    web=WebConfig(enabled=True, port=0, websocket_url="ws://127.0.0.1:9001/"),
    mqtt=MqttConfig(),
)


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer(CONFIG, RIG) as s:
        yield s


def get(server: WebServer, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    answer = ask(server.port, method, path)
    return answer.status, answer.headers, answer.body


def connect(server: WebServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT_S)


def rest(s: socket.socket) -> bytes:
    """Everything until the server closes."""
    return b"".join(iter(lambda: s.recv(65536), b""))


def raw_answer(server: WebServer, request: str) -> bytes:
    """The answer to bytes that http.client would tidy."""
    with connect(server) as s:
        s.sendall(request.encode())
        return rest(s)


def with_host(server: WebServer, *hosts: str) -> bytes:
    lines = "".join(f"Host: {host}\r\n" for host in hosts)
    return raw_answer(server, f"GET /config.json HTTP/1.1\r\n{lines}Connection: close\r\n\r\n")


def test_every_file_of_the_page_is_served_with_its_type(server: WebServer) -> None:
    kinds = {
        ".html": "text/html",
        ".js": "text/javascript",
        ".css": "text/css",
        ".svg": "image/svg+xml",
    }
    for file in FILES.iterdir():
        status, headers, content = get(server, f"/{file.name}")
        assert (status, content) == (200, file.read_bytes())
        assert headers["Content-Type"].startswith(kinds[file.suffix])
    assert (
        get(server, "/")[2]
        == get(server, "/index.html?x=1")[2]
        == (FILES / "index.html").read_bytes()
    )
    assert get(server, "/", "HEAD")[2] == b""


def test_the_page_names_only_files_that_are_served(server: WebServer) -> None:
    html = (FILES / "index.html").read_text()
    modules = [m for f in FILES.glob("*.js") for m in re.findall(r'from "\./(.+?)"', f.read_text())]
    for name in {*re.findall(r'(?:href|src)="([^"#]+)"', html), *modules, "config.json"}:
        assert get(server, f"/{name}")[0] == 200, name


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml", "/../server.py", "/%2e%2e/server.py", "/..%2fserver.py",
        "/web/index.html", "//etc/passwd", "/etc/passwd", "http://127.0.0.1/index.html",
        "index.html", "//[",
        "/./index.html", "/index.html/", "/..", "/.", "/index.html%00", "/config.toml",
        "/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_else_exists(server: WebServer, path: str) -> None:
    answer = raw_answer(
        server, f"GET {path} HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.endswith(b"\r\n\r\nnot found\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_it_can_only_be_read(server: WebServer, method: str) -> None:
    status, headers, content = get(server, "/", method)
    assert status == 501
    assert content.startswith(b"Unsupported method")
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_does_not_pass_for_the_next_request(server: WebServer) -> None:
    inner = f"GET /config.json HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n"
    answer = raw_answer(
        server,
        f"HEAD / HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Content-Length: {len(inner)}\r\n\r\n{inner}",
    )
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"posekernel.page" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1:{0}", "localhost:{0}", "LocalHost:{0}", "[::1]:{0}"])
def test_on_loopback_the_loopback_names_are_answered(server: WebServer, host: str) -> None:
    assert with_host(server, host.format(server.port)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "hosts",
    [
        (), ("",), ("evil.example:{0}",), ("localhost",), ("localhost:1",),
        ("127.0.0.1.evil.example:{0}",), ("192.168.1.5:{0}",), (":{0}",),
        ("localhost:{0}", "localhost:{0}"), ("localhost:{0}", "evil.example:{0}"),
        ("evil@localhost:{0}",),
    ],
)  # fmt: skip
def test_a_name_that_was_pointed_at_loopback_is_refused(
    server: WebServer, hosts: tuple[str, ...]
) -> None:
    answer = with_host(server, *(h.format(server.port) for h in hosts))
    assert answer.startswith(b"HTTP/1.1 421")
    assert b"frame-ancestors 'none'" in answer
    assert answer.endswith(
        b"the Host header does not name this page; open it at the address that posekernel printed\n"
    )
    assert b"posekernel.page" not in answer


def test_beyond_loopback_addresses_and_the_machines_own_names_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Hall.lan")
    config = Config(
        device=DeviceConfig("hall"), web=WebConfig(True, "0.0.0.0", 0, "ws://127.0.0.1:9001/")
    )
    with WebServer(config, RIG) as s:
        for host in (
            "192.168.1.5:{0}",
            "10.0.0.1",
            "[fe80::1]:{0}",
            "localhost:{0}",
            "hall:{0}",
            "hall.local:{0}",
            "hall.lan:{0}",
        ):
            assert with_host(s, host.format(s.port)).startswith(b"HTTP/1.1 200"), host
        for host in (
            "evil.example:{0}",
            "hall.evil.example:{0}",
            "hall",
            "1.2.3:{0}",
            "[]:{0}",
            "1.2.3.4:x",
            "1.2.3.4.evil:{0}",
            "",
        ):
            assert with_host(s, host.format(s.port)).startswith(b"HTTP/1.1 421"), host


def test_a_request_of_any_shape_is_bounded_in_size(server: WebServer) -> None:
    for start in ("", "GET /", f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\nX: "):
        answer = raw_answer(server, start + "a" * (REQUEST_BYTES - len(start)))
        assert answer.startswith(b"HTTP/1.1 431"), start
    many = "GET / HTTP/1.1\r\n" + "X: y\r\n" * 101
    assert raw_answer(server, many).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("start", ["", "GET / HTTP/1.1\r\nHost: localhost:{0}\r\n\r\n"])
def test_a_client_that_drips_is_let_go_in_time(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """Each byte comes within the limit, the request never does; others before it do."""
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.6)
    began = time.monotonic()
    with WebServer(CONFIG, RIG) as server, connect(server) as s:
        s.sendall(start.format(server.port).encode())
        s.settimeout(0.05)
        closed = False
        while not closed and time.monotonic() - began < LIMIT_S:
            try:
                s.sendall(b"G")
                rest(s)
                closed = True
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
    assert closed
    assert time.monotonic() - began >= 0.6


def test_an_answer_that_is_taken_in_drips_is_dropped_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_http, "REQUEST_S", 0.6)
    large = bytes(32 << 20)  # more than the sockets' buffers hold
    with WebServer(CONFIG, RIG, recording=large) as server:
        idle = threading.active_count()  # the answer has a thread of its own
        with connect(server) as s:
            s.sendall(
                f"GET /recording.jsonl HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
            )
            taken = [s.recv(1024)]
            assert until(lambda: taken.append(s.recv(1024)) or threading.active_count() == idle)
            assert len(b"".join(taken)) + len(rest(s)) < len(large)


def test_connections_beyond_the_limit_are_closed_at_once_and_places_come_back() -> None:
    with WebServer(CONFIG, RIG) as server, ExitStack() as held:
        idle = [held.enter_context(connect(server)) for _ in range(CONNECTIONS)]
        for _ in range(8):
            with connect(server) as refused:
                began = time.monotonic()
                assert refused.recv(1) == b""
                assert time.monotonic() - began < REQUEST_S
        idle[0].close()
        end = time.monotonic() + LIMIT_S
        while True:  # the place is given back after the close is seen
            try:
                assert get(server, "/")[0] == 200
                break
            except (http.client.HTTPException, ConnectionError):
                assert time.monotonic() < end


def test_headers_allow_this_host_and_the_broker_and_nothing_else(server: WebServer) -> None:
    for path in ("/", "/app.js", "/config.json", "/nothing"):
        headers = get(server, path)[1]
        policy = dict(
            part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["connect-src"] == "'self' ws://127.0.0.1:9001"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Server"].strip() == "posekernel"


def test_it_listens_on_loopback_only(server: WebServer) -> None:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (address,) = [r[1] for r in rows if int(r[1].split(":")[1], 16) == server.port and r[3] == "0A"]
    assert address.startswith("0100007F:")


def test_geometry_is_in_the_room_frame(server: WebServer) -> None:
    site = json.loads(get(server, "/config.json")[2])
    assert (site["id"], site["base_topic"], site["frame"]) == ("hall", "posekernel", "room")
    assert site["camera"] == [0.0, 0.0, 1.5]
    # A camera that looks 10 degrees down: the middle of its image lies that far below the horizon.
    gaze = np.mean(site["frustum"], axis=0) - site["camera"]
    assert np.degrees(np.arctan2(-gaze[2], gaze[1])) == pytest.approx(10.0, abs=0.01)
    assert site["speakers"][0][0] == pytest.approx(0.1)
    assert site["mics"][0][2] < 1.5


def test_without_a_camera_height_axes_are_the_rooms_and_the_origin_the_camera() -> None:
    rig = Rig(
        RIG.speakers, RIG.mics, RIG.pairs, Camera(640, 480, 500.0, 500.0, 320.0, 240.0), 343.0
    )
    site = page_description(CONFIG, rig)
    assert site["frame"] == "camera"
    assert site["speakers"] == [[0.1, 0.0, -0.05]]
    assert site["frustum"][0] == [-0.64, 1.0, 0.48]  # the image's top left: left, forward, up


def test_a_taken_port_is_one_clear_sentence(server: WebServer) -> None:
    config = Config(
        device=DeviceConfig("hall"),
        web=WebConfig(True, port=server.port, websocket_url="ws://127.0.0.1:9001/"),
    )
    with pytest.raises(
        ConfigError,
        match=r"^web\.host, web\.port: cannot listen at 127\.0\.0\.1:\d+ .*set web\.port",
    ):
        WebServer(config, RIG)


def test_closing_is_quick_even_with_a_browser_that_holds_on() -> None:
    with WebServer(CONFIG, RIG) as s:
        idle = socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S)
        idle.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\n\r\n".encode())
        idle.recv(100)
    idle.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", s.port)) != 0


@pytest.mark.parametrize(
    "url", ["", "http://x/", "ws://", "ws://a b/", "ws://x/; script-src *", "wss://broker\r\nX: y"]
)
def test_a_broker_address_that_no_browser_could_use_is_refused(url: str) -> None:
    config = Config(device=DeviceConfig("hall"), web=WebConfig(enabled=True, websocket_url=url))
    with pytest.raises(ConfigError, match=r"^web\.websocket_url: found"):
        check_config(config)


def test_the_page_needs_the_broker() -> None:
    config = Config(device=DeviceConfig("hall"), web=CONFIG.web, mqtt=MqttConfig(enabled=False))
    with pytest.raises(ConfigError, match=r"^web\.enabled: true, but mqtt\.enabled is false"):
        check_config(config)


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    channels = (
        [int(c * 2, 16) for c in digits]
        if len(digits) == 3
        else [int(digits[i : i + 2], 16) for i in (0, 2, 4)]
    )
    linear = [
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
        for c in channels
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_hold_wcag_contrast(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (FILES / "style.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", blocks[scheme]))
    for text in ("ink", "soft", "accent", "warn"):
        for ground in ("page", "card", "back", "back-far"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    people = [f"person-{k}" for k in range(6)]
    for mark in ("bad", *people, "echo", "halo", "zone"):
        for ground in ("page", "card", "back", "back-far"):
            assert contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)


def test_zones_are_described_and_a_recording_is_served_instead_of_a_broker() -> None:
    zone = ZoneConfig("Sofa", ((-1.0, 2.0), (1.0, 2.0), (1.0, 3.0)))
    config = Config(device=DeviceConfig("hall"), web=WebConfig(port=0), zones=(zone,))
    with WebServer(config, RIG, recording=b'{"schema":"posekernel.page/1"}\n') as s:
        site = json.loads(get(s, "/config.json")[2])
        assert site["zones"] == [{"name": "Sofa", "polygon": [[-1.0, 2.0], [1.0, 2.0], [1.0, 3.0]]}]
        assert site["websocket_url"] is None
        status, headers, content = get(s, "/" + site["recording"])
        assert (status, content) == (200, b'{"schema":"posekernel.page/1"}\n')
        assert "connect-src 'self';" in headers["Content-Security-Policy"]
