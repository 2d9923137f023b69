"""Sound cards made of files: compiles tests/support/alsa/pcm_posetest.c and writes the ALSA
configuration that uses it.

libasound reads its configuration again whenever ALSA_CONFIG_PATH names another file, so every
device gets a folder of its own and any number of them can be used one after the other in one
process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tests.support.compiled import shared_library

SOURCE = Path(__file__).parent / "alsa" / "pcm_posetest.c"
MIXER_SOURCE = SOURCE.with_name("ctl_posetest.c")
# The whole card as a sound card is named, for tests of its mixer.
CARD = "hw:CARD=Posetest"
SYSTEM_CONFIG = Path("/usr/share/alsa/alsa.conf")


def plugin_library() -> Path:
    """The compiled plugin. Raises NoToolchainError."""
    return shared_library(SOURCE, "-DPIC", "-lasound")


@dataclass(frozen=True)
class AlsaTestDevice:
    """One card: names of its capture and playback devices, and the files behind them.

    played: what was played, raw int16 (frames, playback_channels). env: what a process needs to see
    the card.
    """

    folder: Path
    playback_channels: int
    capture: str = "posetest_capture"
    playback: str = "posetest_playback"

    @property
    def config(self) -> Path:
        return self.folder / "asound.conf"

    @property
    def env(self) -> dict[str, str]:
        return {"ALSA_CONFIG_PATH": str(self.config)}

    def unplug(self) -> None:
        """The card disappears: open handles fail, opening fails."""
        (self.folder / "unplugged").touch()

    def plug(self) -> None:
        """The card is back."""
        (self.folder / "unplugged").unlink()

    def refuse(self, code: int, direction: Literal["capture", "playback"] = "capture") -> None:
        """Opening one direction fails with this errno from now on; 0 lets it open again."""
        marker = self.folder / f"{direction}_error"
        if code:
            marker.write_text(str(code))
        else:
            marker.unlink()

    def set_volumes(self, **volumes: int) -> None:
        """The mixer's volumes of CARD from now on, each 0..100 as Mic_Capture=40."""
        lines = [f"{name.replace('_', ' ')} Volume={step}" for name, step in volumes.items()]
        (self.folder / "mixer").write_text("\n".join(lines))

    @contextmanager
    def faulty(
        self, how: Literal["stuck", "silent", "rotated", "swapped", "gap"]
    ) -> Iterator[None]:
        """Inside, the capture device does what the plugin's source says of this fault."""
        marker = self.folder / "faults" / how
        marker.touch()
        try:
            yield
        finally:
            marker.unlink()

    def played(self) -> npt.NDArray[np.int16]:
        """Everything written to the loudspeaker so far, (frames, playback_channels)."""
        path = self.folder / "played.raw"
        raw = np.fromfile(path, np.int16) if path.exists() else np.zeros(0, np.int16)
        return raw[: len(raw) // self.playback_channels * self.playback_channels].reshape(
            -1, self.playback_channels
        )


def make_alsa_device(
    folder: Path,
    recording: npt.NDArray[np.int16],
    rate: int,
    *,
    playback_channels: int = 1,
    loop: bool = True,
    one_clock: bool = False,
    loopback: int | None = None,
    xrun_at: int = 0,
    playback_xrun_at: int = 0,
    lost_at: int = 0,
    patient: bool = False,
    mixer: bool = False,
) -> AlsaTestDevice:
    """A card in `folder` (made when absent) that hears `recording` (L, C) int16, over and over when
    `loop`.

    one_clock: the recording runs on while the device is closed. loopback: capture channel that
    hears what is played. xrun_at, playback_xrun_at: frame of one xrun. lost_at: frame at which the
    capture device disappears once; it can be opened again at once. 0 = never. patient: no xrun but
    those asked for, however late the process is. mixer: the card is CARD, too, and has one (see
    `set_volumes`); no other card has then. Raises NoToolchainError.
    """
    (folder / "faults").mkdir(parents=True, exist_ok=True)
    np.ascontiguousarray(recording, np.int16).tofile(folder / "heard.raw")
    common = f"""
    type posetest
    rate {rate}
    patient {_word(patient)}
    unplugged "{folder}/unplugged"
"""
    capture = f"""{common}
    channels {recording.shape[1]}
    infile "{folder}/heard.raw"
    loop {_word(loop)}
    one_clock {_word(one_clock)}
    loopback {-1 if loopback is None else loopback}
    xrun_at {xrun_at}
    lost_at {lost_at}
    lost_marker "{folder}/lost"
    faults "{folder}/faults"
    open_error "{folder}/capture_error"
    held "{folder}/capture_held"
"""
    playback = f"""{common}
    channels {playback_channels}
    outfile "{folder}/played.raw"
    open_error "{folder}/playback_error"
    held "{folder}/playback_held"
    xrun_at {playback_xrun_at}
"""
    device = AlsaTestDevice(folder, playback_channels)
    device.config.write_text(
        (f"<{SYSTEM_CONFIG}>\n" if SYSTEM_CONFIG.exists() else "")
        + f'pcm_type.posetest {{ lib "{plugin_library()}" }}\n'
        + f"pcm.{device.capture} {{{capture}}}\n"
        + f"pcm.{device.playback} {{{playback}}}\n"
        + (_whole_card(device) if mixer else "")
    )
    return device


def _whole_card(device: AlsaTestDevice) -> str:
    """CARD as an ALSA card: both directions under one name, and its mixer."""
    argument = '@args [ CARD ]\n@args.CARD { type string default "0" }'
    library = shared_library(MIXER_SOURCE, "-DPIC", "-lasound")
    return f"""
ctl_type.posetest {{ lib "{library}" }}
ctl.!hw {{ {argument}
    type posetest
    file "{device.folder}/mixer"
}}
pcm.!hw {{ {argument}
    type asym
    capture.pcm {device.capture}
    playback.pcm {device.playback}
}}
"""


def _word(value: bool) -> str:
    return "true" if value else "false"


def use(device: AlsaTestDevice) -> None:
    """Make this process see the card (for scripts; tests use monkeypatch.setenv)."""
    os.environ.update(device.env)
