"""Whether a broker also takes browsers: MQTT over WebSockets (RFC 6455)."""

import base64
import http.client
import secrets
from urllib.parse import urlsplit

PORTS = (9001, 1884, 8083)  # as Mosquitto's documents, Home Assistant's add-on and EMQX have it
_ANSWER_S = 2.0


def find(host: str) -> str:
    """The first address that answers at one of PORTS; "" where none does."""
    addresses = (f"ws://{host}:{port}/" for port in PORTS)
    return next((address for address in addresses if not problem(address)), "")


def problem(address: str) -> str:
    """Why a browser cannot use this address (ws:// or wss://), "" where it can."""
    url = urlsplit(address)
    secure = url.scheme == "wss"
    make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    try:
        connection = make(
            url.hostname or "", url.port or (443 if secure else 80), timeout=_ANSWER_S
        )
        connection.request("GET", url.path or "/", headers=_upgrade())
        status = connection.getresponse().status
        connection.close()
    except (OSError, ValueError, http.client.HTTPException) as e:
        return str(getattr(e, "strerror", None) or e or type(e).__name__)
    return "" if status == http.HTTPStatus.SWITCHING_PROTOCOLS else f"it answers with {status}"


def _upgrade() -> dict[str, str]:
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "mqtt",
    }
