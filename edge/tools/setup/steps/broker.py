"""The MQTT broker: found in the network or named, and tried with a real connection."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from edge.core.config import MqttConfig
from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole
from edge.core.typed import Strict, convert
from edge.output.mqtt.broker_visit import check
from edge.sensor.process.lifetime import temporary_folder
from edge.tools.setup import mdns
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Choice, Judgement, Question, Say

_PORT, _TLS_PORT = 1883, 8883


class BrokerAnswers(Strict, frozen=True):
    """[broker]. host: a name or address, or one with its port as it was found, "10.0.0.2:1883".

    port: left out: the found one, else 1883, with TLS 8883. password, or password_file with it on
    one line; left out: as it was. tls, ca_file: an encrypted connection. discovery: announce the
    sensor to Home Assistant; left out: as it was, else yes.
    """

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    username: str = ""
    password: str | None = None
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    discovery: bool | None = None


class BrokerStep:
    """[mqtt]."""

    name, title, answers = "broker", "MQTT broker", BrokerAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """What announces itself; not looked for where the host is given."""
        found, problem = ([], "") if given.get("host") else mdns.look()
        told = tuple(str(broker) for broker in found)
        if not found and not given.get("host"):
            why = problem or f"no broker announced itself within {mdns.LOOK_S:g} s"
            told = (f"{why}: name the machine that it runs on",)
        choices = tuple(Choice(f"{b.host}:{b.port}", f"{b.name} ({b.host})") for b in found)
        default = draft.get("mqtt.host") or (choices[0].value if choices else None)
        questions = (
            Question(
                "host",
                "Which broker, by name or address",
                default,
                "choice",
                "Home Assistant's own (Mosquitto add-on): homeassistant.local. On this machine: "
                "localhost, after sudo apt install mosquitto in a second terminal.",
                choices,
                open=True,
            ),
            Question(
                "tls", "Encrypted (TLS)", bool(draft.get("mqtt.tls", False)), "yes",
                "Only where the broker was set up for it; at home it seldom is.",
            ),
            Question(
                "port", "Port", draft.get("mqtt.port", ""), "number",
                "Empty: the one that was found, else 1883, or 8883 with TLS.",
            ),
            Question(
                "ca_file", "File with the authority's certificate", draft.get("mqtt.ca_file", ""),
                help="Empty: the system's.", only_for=("tls", ("True",)),
            ),
            Question(
                "username", "User", draft.get("mqtt.username", ""),
                help="Empty: the broker needs none. Home Assistant's needs one of its users.",
            ),
            Question(
                "password", "Password", "", "secret", "Empty: none, or as it was.",
                only_for=("username", ()),
            ),
        )  # fmt: skip
        return Asked(questions, told)

    def settle(self, draft: Draft, answer: BrokerAnswers, say: Say) -> list[Judgement]:
        """Connect, publish, and read it back."""
        mqtt = _settings(answer, draft.get("mqtt.discovery", True))
        password = _password(answer)
        kept = draft.get("mqtt.password_file", "")
        say(f"connecting to {mqtt['host']}:{mqtt['port']}")
        problem = _tried(mqtt, password, kept, draft.get("device.id", "setup"))
        if problem:
            key = "username" if "user " in problem or "anonymous" in problem else "host"
            raise AnswerError(key, problem)
        if not answer.username:
            mqtt["password_file"], password = None, ""
        draft.change({"mqtt": mqtt})
        draft.password = draft.password if password is None else password
        who = f"as {answer.username}" if answer.username else "without a user"
        text = f"the broker at {mqtt['host']}:{mqtt['port']} takes and gives messages, {who}"
        if not answer.tls and not _is_near(mqtt["host"]) and answer.username:
            remedy = "encrypt it (tls), where the broker can"
            return [
                Judgement("good", text),
                Judgement("usable", "the password goes unencrypted", remedy),
            ]
        return [Judgement("good", text)]


def _settings(answer: BrokerAnswers, discovery: bool) -> dict[str, Any]:
    host, port = answer.host.strip(), answer.port
    name, colon, number = host.rpartition(":")
    if colon and number.isdigit() and ":" not in name:  # a found one; not an IPv6 address
        host, port = name, port or int(number)
    settings: dict[str, Any] = {
        "enabled": True,
        "host": host,
        "port": port or (_TLS_PORT if answer.tls else _PORT),
        "username": answer.username,
        "tls": answer.tls,
        "ca_file": answer.ca_file,
        "discovery": discovery if answer.discovery is None else answer.discovery,
    }
    return settings


def _password(answer: BrokerAnswers) -> str | None:
    if not answer.password_file:
        return answer.password or None
    try:
        return read_file(Path(answer.password_file)).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        why = (isinstance(e, OSError) and e.strerror) or "it is not UTF-8 text"
        raise AnswerError(
            "password_file", f"cannot read {answer.password_file} ({why}); write it on one line"
        ) from e


def _tried(settings: dict[str, Any], password: str | None, kept: str, device_id: str) -> str:
    """Why the broker does not take us, "" where it does."""
    with temporary_folder("posekernel-setup-") as folder:
        file = str(folder / "password")
        if password is not None:
            write_whole(Path(file), password.encode(), 0o600)
        used = file if password is not None else kept if settings["username"] else ""
        try:
            config = convert({**settings, "password_file": used}, MqttConfig, "mqtt")
        except ConfigError as e:
            return str(e)
        problem = check(config, device_id) or ""
    problem = problem.replace(f"the password in {file}", "the password")
    return problem.replace(
        "set mqtt.username and mqtt.password_file", "give a user and its password"
    )


def _is_near(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")
