"""Access to an MQTT broker: password, TLS, and one clear sentence for each refusal."""

import os
import socket
import ssl
from pathlib import Path

from paho.mqtt.reasoncodes import ReasonCode

from edge.core.config import MqttConfig
from edge.core.errors import BrokerError
from edge.core.files import read_file

PASSWORD_VARIABLE = "POSEKERNEL_MQTT_PASSWORD"
CONNECT_TIMEOUT_S = 5.0
_UNSUPPORTED_PROTOCOL = 132
# Reasons of a disconnection; a client that saw only the socket's end has the first.
UNSPECIFIED, _TAKEN_OVER, _TOO_LARGE = 128, 142, 149
# Client id, user or password, not authorised, banned, authentication method.
_REFUSES_CLIENT = (133, 134, 135, 138, 140)


class RefusedError(BrokerError):
    """The broker is there and refuses: trying again soon cannot help."""


class TooLargeError(RefusedError):
    """A message that is larger than the broker takes; the connection is well."""


def read_password(config: MqttConfig) -> str | None:
    """The password from mqtt.password_file or the environment, or None. Raises RefusedError."""
    if not config.password_file:
        return os.environ.get(PASSWORD_VARIABLE)
    try:
        return read_file(Path(config.password_file)).decode().rstrip("\r\n")
    except OSError as e:
        raise RefusedError(
            f"mqtt.password_file: cannot read {config.password_file} ({e.strerror}); create it, "
            "mode 0600"
        ) from e
    except UnicodeDecodeError:
        raise RefusedError(
            f"mqtt.password_file: {config.password_file} is not UTF-8 text; "
            "write the password on one line"
        ) from None


def tls_context(config: MqttConfig) -> ssl.SSLContext:
    """TLS 1.2 or newer, broker verified by mqtt.ca_file or the system. Raises RefusedError."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file or None)
    except OSError as e:
        raise RefusedError(
            f"mqtt.ca_file: cannot use {config.ca_file} ({_cause(e)}); a PEM certificate is needed"
        ) from e
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.client_cert:
        try:
            # Without a password callback OpenSSL would ask at the terminal for an encrypted key's.
            context.load_cert_chain(config.client_cert, config.client_key, password=lambda: "")
        except (OSError, ValueError) as e:
            raise RefusedError(
                f"mqtt.client_cert, mqtt.client_key: cannot use {config.client_cert} with "
                f"{config.client_key} ({_cause(e)}); "
                "a PEM certificate and its own, unencrypted key are needed"
            ) from e
    return context


def explain_connect(error: OSError | ValueError, config: MqttConfig) -> BrokerError:
    """The sentence for a connection that could not be made."""
    broker = where(config)
    match error:
        case ssl.SSLCertVerificationError():
            return RefusedError(
                f"{broker}: its certificate is not trusted ({error.verify_message.rstrip('.')}); "
                "set mqtt.ca_file to the "
                "authority that signed it, mqtt.host to a name in it, "
                "and check this machine's clock"
            )
        case ssl.SSLEOFError() | ConnectionResetError():
            return explain_early_end(config)
        case ssl.SSLError(
            reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE" | "PACKET_LENGTH_TOO_LONG"
        ):
            return RefusedError(
                f"{broker} does not speak TLS there; set mqtt.port to its TLS port (usually 8883) "
                "or mqtt.tls = false"
            )
        case ssl.SSLError():
            return RefusedError(
                f"{broker}: TLS failed ({_cause(error)}); check mqtt.ca_file, "
                "client_cert and the broker's log"
            )
        case ConnectionRefusedError():
            return BrokerError(
                f"{broker}: nothing listens there; start the broker or set mqtt.host and mqtt.port"
            )
        case socket.gaierror() | UnicodeError():
            return BrokerError(
                f"{broker}: the host name cannot be resolved; check mqtt.host and the network"
            )
        case TimeoutError():
            return BrokerError(
                f"{broker}: no answer within {CONNECT_TIMEOUT_S:g} s; check mqtt.host, "
                "mqtt.port and the network"
            )
        case _:
            return BrokerError(
                f"{broker}: cannot connect ({_cause(error)}); check mqtt.host, "
                "mqtt.port and the network"
            )


def explain_refusal(reason: ReasonCode, config: MqttConfig) -> BrokerError:
    """The sentence for a CONNACK that refuses."""
    broker = where(config)
    if reason.value == _UNSUPPORTED_PROTOCOL:
        return RefusedError(
            f"{broker} does not speak MQTT {config.protocol}; set mqtt.protocol = "
            f"{311 if config.protocol == 5 else 5}"
        )
    if reason.value not in _REFUSES_CLIENT:
        return BrokerError(f"{broker} refused the connection ({reason}); check the broker's log")
    if not config.username:
        return RefusedError(
            f"{broker} refused an anonymous client ({reason}); set mqtt.username and "
            "mqtt.password_file"
        )
    home = config.password_file or f"the environment variable {PASSWORD_VARIABLE}"
    return RefusedError(
        f"{broker} refused user {config.username!r} ({reason}); check mqtt.username, "
        f"the password in {home} "
        "and what the broker allows this user"
    )


def explain_early_end(config: MqttConfig) -> BrokerError:
    """The sentence for a broker that hangs up without a CONNACK."""
    broker, alert = where(config), _tls_alert(config) if config.tls else ""
    if alert == "certificate required":
        return RefusedError(
            f"{broker} wants a client certificate; set mqtt.client_cert and mqtt.client_key"
        )
    if alert:
        return RefusedError(
            f"{broker} rejects our client certificate {config.client_cert} ({alert}); "
            "mend mqtt.client_cert"
        )
    if config.tls:
        remedy = "check that mqtt.port is its TLS port"
    else:
        remedy = (
            "if it is a TLS port set mqtt.tls = true; "
            "if the broker knows only MQTT 3.1.1 set mqtt.protocol = 311"
        )
    return BrokerError(f"{broker} closed the connection before it answered; {remedy}")


def explain_end(
    code: int,
    reason: str,
    config: MqttConfig,
    client_id: str,
    again: bool,
    unanswered: tuple[str, int] | None,
) -> BrokerError:
    """The sentence for a connection that ended. code, reason: the broker's. again: it keeps ending
    soon, as with two clients of one id. unanswered: topic and size [bytes] of the largest message
    that was on its way.
    """
    broker = where(config)
    if code == _TOO_LARGE:
        named = "" if unanswered is None else f" ({unanswered[0]}, {unanswered[1]} bytes)"
        return RefusedError(
            f"{broker} closes the connection because a message is too large for it{named}; "
            "raise its limit of a packet's size"
        )
    if code == _TAKEN_OVER or (again and code in (0, UNSPECIFIED)):
        return RefusedError(
            f"{broker} keeps closing the connection: another client probably uses the id "
            f"{client_id!r}; give each device its own device.id"
        )
    cause = f" ({reason})" if code != UNSPECIFIED else ""
    return BrokerError(f"{broker}: connection lost{cause}; check that it runs, and the network")


def _tls_alert(config: MqttConfig) -> str:
    """The broker's TLS alert about our client certificate, "" for none.

    With TLS 1.3 it comes after the handshake, and a client that writes first, as paho does, may
    lose it. So this connects again and only reads.
    """
    try:
        with (
            socket.create_connection((config.host, config.port), CONNECT_TIMEOUT_S) as plain,
            tls_context(config).wrap_socket(plain, server_hostname=config.host) as sock,
        ):
            sock.settimeout(1.0)
            sock.recv(1)
    except ssl.SSLError as e:
        return (e.reason or "").lower().replace("_", " ").partition("alert ")[2]
    except OSError:
        return ""
    return ""


def where(config: MqttConfig) -> str:
    """The broker, for a sentence."""
    return f"MQTT broker at {config.host}:{config.port}"


def who(config: MqttConfig) -> str:
    """Our user name at the broker, for a sentence."""
    return f"user {config.username!r}" if config.username else "an anonymous client"


def _cause(error: BaseException) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
