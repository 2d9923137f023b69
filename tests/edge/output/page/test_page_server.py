"""The page's HTTP server: what it serves, to whom, and what it never does."""

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, MqttConfig, WebConfig, ZoneConfig, check_config
from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig
from edge.output.page.description import page_description
from edge.output.page.server import FILES, WebServer
from tests.support.browser.served_page import CONFIG, RIG, get, raw_answer
from tests.support.waiting import LIMIT_S


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
