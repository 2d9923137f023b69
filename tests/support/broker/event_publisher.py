"""Publishes events and poses until it is killed. Arguments: port, outbox, journal, events/s.

The sequence number of each accepted event is a line of the journal.
"""

import sys
import time
from pathlib import Path

from edge.core.config import MqttConfig
from edge.output.mqtt.publisher import MqttPublisher

DEVICE = "hall"
_POSE_BYTES = 4000  # about what the poses of two people take


def main() -> None:
    """Publish until killed."""
    port, rate = int(sys.argv[1]), float(sys.argv[4])
    outbox, journal = Path(sys.argv[2]), Path(sys.argv[3])
    config = MqttConfig(host="127.0.0.1", port=port, discovery=False, outbox_events=100_000)
    with (
        MqttPublisher(config, DEVICE, source="simulated", outbox_path=outbox) as publisher,
        journal.open("a") as accepted,
    ):
        due_s, number = time.monotonic(), 0
        while True:
            number += 1
            sequence = publisher.publish_event(
                {"schema": "posekernel.event/2", "id": DEVICE, "kind": "person_entered"}
            )
            accepted.write(f"{sequence}\n")
            accepted.flush()
            publisher.publish_pose(
                {"sequence": number, "sent_s": time.time(), "filling": "x" * _POSE_BYTES}
            )
            due_s = max(due_s + 1.0 / rate, time.monotonic() - 1.0)
            time.sleep(max(0.0, due_s - time.monotonic()))


if __name__ == "__main__":
    main()
