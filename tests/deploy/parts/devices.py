"""A sound card and a camera for a machine that has neither: the test card of files, and a picamera2
that hangs where it is told to.
"""

from pathlib import Path

import numpy as np

from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.deploy.machine import Machine
from tests.support import ROOT
from tests.support.alsa_device import make_alsa_device, plugin_library

CARD = "/var/lib/posekernel/card"  # where the service may write
HANGS = "/run/camera-hangs"
_PACKAGES = "usr/lib/python3/dist-packages"
# The camera of the process whose number stands in HANGS gives no more images; with "deaf" behind
# it, its driver does not let go of it either.
_PICAMERA2 = f"""
import os, sys, threading, time
import strict_picamera2

strict_picamera2._IMAGE_S = 0.2
module = sys.modules["picamera2"] = strict_picamera2.strict_picamera2()

def watch():
    told = ""
    while True:
        time.sleep(0.1)
        before, told = told, open({HANGS!r}).read() if os.path.exists({HANGS!r}) else ""
        number, *how = told.split() or [""]
        if told != before and number == str(os.getpid()):
            module.opened[-1].trouble = strict_picamera2.Trouble(hang_after=0, deaf="deaf" in how)

threading.Thread(target=watch, daemon=True).start()
"""
SETTINGS = {
    "place.speaker_m": [0.1, 0.06, 0.0],
    "audio.capture": "posetest_capture",
    "audio.playback": "posetest_playback",
    "camera.backend": "picamera2",
    "mqtt.host": "127.0.0.1",
    "telemetry.interval_s": 2.0,
}


def give_devices(machine: Machine) -> None:
    """Put both into a machine on which the service's user exists."""
    packages = machine.tree / _PACKAGES
    fake = ROOT / "tests/support/camera/strict_picamera2.py"
    (packages / fake.name).write_text(fake.read_text())
    (packages / "picamera2.py").write_text(_PICAMERA2)
    session = load_session(DEMO_SESSION)
    folder = machine.tree / CARD[1:]
    card = make_alsa_device(
        folder, np.asarray(session.audio), session.excitation.sample_rate_hz, playback_channels=2
    )
    plugin = Path(f"{folder}/plugin.so")
    plugin.write_bytes(plugin_library().read_bytes())
    _, text = card.config.read_text().split("\n", 1)  # the first line includes the system's own
    text = text.replace(str(plugin_library()), str(plugin)).replace(str(folder), CARD)
    (machine.tree / "etc/asound.conf").write_text(text)
    # Of the service, also where root opens the card first.
    machine.run(
        f"cd {CARD} && touch played.raw capture_held playback_held && chown -R posekernel: ."
    )
