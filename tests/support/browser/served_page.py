"""A page served for a test, and requests to it, tidy or byte for byte."""

import socket

import numpy as np

from edge.core.config import Config, DeviceConfig, MqttConfig, WebConfig
from edge.core.rig import Camera, Rig
from edge.output.page.server import WebServer
from tests.support.browser.page_requests import ask
from tests.support.waiting import LIMIT_S

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
