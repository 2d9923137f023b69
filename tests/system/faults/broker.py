"""Faults of the broker, and of what it may tell the device to do."""

import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from tests.system.faults.device import POSES_PER_S, Device, device
from tests.system.faults.row import FAULT_S, Row, last_telemetry, lost_events, row

GARBAGE = bytes(range(255, 0, -1))
SLOW_BYTES_PER_S = 2000.0  # a tenth of what a sensor says
SLOW_S = 20.0
OLD_S = 1.0
# What may be complained of while the broker is replaced, each once: it is gone, what is there in
# its place does not answer, and nothing listens in between.
ANSWERS_NOTHING = "closed the connection before it answered"
CAUSES = ("connection lost", ANSWERS_NOTHING, "nothing listens there")


def _back(d: Device, up_s: float) -> float:
    """When the first pose came after the broker was well; no event is missing."""
    back_s = d.wait_pose(up_s)
    d.wait_for("event", up_s, lambda m: True)
    assert lost_events(d) == 0
    return back_s


@row
def broker_killed(folder: Path) -> Row:
    with device(folder) as d:
        d.broker.kill()
        time.sleep(FAULT_S)
        d.broker.start()
        up = time.monotonic()
        back = _back(d, up)
        dropped = d.messages(
            "telemetry", d.wait_for("telemetry", up, lambda m: m["stream_dropped"] > 0)
        )[0][1]["stream_dropped"]
    return Row(
        "broker gone for 4 s",
        "kept its events, connected again",
        f"{dropped} stream messages, counted; 0 events",
        back - up,
    )


@row
def broker_frozen(folder: Path) -> Row:
    with device(folder) as d:
        d.broker.freeze()
        time.sleep(FAULT_S)
        d.broker.thaw()
        up = time.monotonic()
        back = _back(d, up)
    return Row("broker answers nothing for 4 s", "went on", "0 events", back - up)


@row
def control_file_corrupted(folder: Path) -> Row:
    (folder / "state").mkdir(parents=True)
    kept = folder / "state" / "hall.control.json"
    kept.write_bytes(b'{"sensing": tr\x00')
    with device(folder, start=False) as d:
        d.wait_for("control", 0.0, lambda m: m["sensing"] is False)
        d.wait_for("telemetry", 0.0, lambda m: m["frames"] == 0 and m["uptime_s"] > 2.0)
        assert "cannot be used" in d.log
        assert kept.read_bytes() == b'{"sensing": tr\x00', "overwritten without a word"
        assert not d.messages("pose")
    return Row(
        "control file damaged",
        "sensing stays off, as it may have been; said so, kept the file",
        "nothing",
        math.nan,
    )


@contextmanager
def _liar(port: int, answer: bytes) -> Iterator[list[int]]:
    """A server that gives whoever connects `answer` and closes; yields the calls."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    client, _ = server.accept()
                except TimeoutError:
                    continue
                with client:
                    client.settimeout(0.5)
                    with suppress(OSError):
                        if b"hall" in client.recv(4096):  # the test's own subscriber calls, too
                            calls.append(1)
                        client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield calls
        finally:
            done.set()
            thread.join()


def _lied_to(folder: Path, fault: str, answer: bytes) -> Row:
    with device(folder) as d:
        began, before = time.monotonic(), d.messages("pose")
        said = len(d.log)
        d.broker.kill()
        with _liar(d.broker.port, answer) as calls:
            time.sleep(2 * FAULT_S)
        assert calls, "the device never tried"
        d.broker.start()
        up = time.monotonic()
        back = _back(d, up)
        made = d.messages("pose", up)[0][1]["sequence"] - before[-1][1]["sequence"]
        assert made > 0.7 * POSES_PER_S * (back - began), f"{made} poses in {back - began:.1f} s"
        complaints = [
            line
            for line in d.log[said:].splitlines()
            if "127.0.0.1" in line and line.startswith(("ERROR", "WARN"))
        ]
        told = [next((c for c in CAUSES if c in line), line) for line in complaints]
        assert set(told) <= set(CAUSES), complaints
        assert len(told) == len(set(told)), complaints
        assert ANSWERS_NOTHING in told, d.log[said:]
        assert "Traceback" not in d.log
    return Row(
        fault,
        f"went on making poses, tried {len(calls)} times, said so",
        "poses of that time; 0 events",
        back - up,
    )


@row
def broker_garbage(folder: Path) -> Row:
    return _lied_to(folder, "broker answers with garbage for 8 s", GARBAGE)


@row
def broker_closes(folder: Path) -> Row:
    return _lied_to(folder, "broker closes every connection for 8 s", b"")


@row
def broker_reads_slowly(folder: Path) -> Row:
    with device(folder, relayed=True) as d:
        began = time.monotonic()
        d.relay.bytes_per_s = SLOW_BYTES_PER_S
        time.sleep(SLOW_S)
        over = time.monotonic()
        d.relay.bytes_per_s = None
        back = d.wait_for("pose", over, lambda m: _age_s(m) < OLD_S)
        oldest = max(_age_s(m) + t - time.monotonic() for t, m in d.messages("pose", began))
        d.wait_for("event", back, lambda m: True)
        d.wait_for("telemetry", back, lambda m: m["stream_dropped"] > 0)
        dropped = last_telemetry(d)["stream_dropped"]
        assert lost_events(d) == 0
        assert last_telemetry(d)["outbox_waiting"] <= 2
    return Row(
        f"broker reads {SLOW_BYTES_PER_S / 1000:g} kB/s for {SLOW_S:g} s",
        f"the oldest pose came {oldest:.0f} s late",
        f"{dropped} stream messages, counted; 0 events",
        back - over,
    )


def _age_s(message: dict[str, str]) -> float:
    """How old it is now [s]."""
    return time.time() - datetime.fromisoformat(message["timestamp"]).timestamp()


@row
def broker_answers_slowly(folder: Path) -> Row:
    with device(folder, relayed=True) as d:
        began = time.monotonic()
        d.relay.answer_delay_s = 1.0
        time.sleep(SLOW_S)
        over = time.monotonic()
        d.relay.answer_delay_s = 0.0
        during = [m for t, m in d.messages("pose", began) if t < over]
        assert len(during) > 0.7 * POSES_PER_S * SLOW_S, f"{len(during)} poses"
        back = _back(d, over)
        d.wait_for("telemetry", back, lambda m: m["outbox_waiting"] <= 2)
        assert last_telemetry(d)["connections"] == 1
    return Row(
        f"broker acknowledges one message a second for {SLOW_S:g} s",
        "went on",
        "0 events",
        back - over,
    )


@row
def broker_lies(folder: Path) -> Row:
    """Nobody can tell a kept event from one that was acknowledged and thrown away; but the numbers
    show it to whoever reads.
    """
    with device(folder, relayed=True) as d:
        d.wait_for("event", time.monotonic(), lambda m: True)
        d.relay.lies = True
        time.sleep(2 * FAULT_S)
        d.relay.lies = False
        over = time.monotonic()
        back = d.wait_pose(over)
        d.wait_for("event", over, lambda m: True)
        swallowed = d.relay.swallowed
        assert swallowed > 0
        assert lost_events(d) == swallowed
    return Row(
        "broker acknowledges events for 8 s and keeps none",
        "went on: it cannot know",
        f"{swallowed} events; the gap in their numbers tells whoever reads",
        back - over,
    )
