"""What a fault of a microphone is called, what most likely causes it, and how to mend it: the one
place for these words. Causes from public reports of people who use these arrays.
"""

from collections.abc import Sequence

from edge.core.contracts import Problem
from edge.sound.health.microphone_health import LOOPBACK, MicrophoneFault
from edge.sound.health.raw_sound_faults import FaultKind

_FIRMWARE = (
    "firmware with one or two processed channels (as XVF3800 2.0.8), or a muted or broken channel"
)
_PLUG = "a plug of ALSA (plughw, default) that copies one channel into several, or such firmware"
_CAUSES: dict[FaultKind, tuple[str, str]] = {
    "silent": (
        _FIRMWARE,
        "flash the firmware with all raw channels, unmute capture in `alsamixer`, "
        "check audio.mic_channels",
    ),
    "constant": (
        "a channel that the firmware does not drive, or a broken converter",
        "check audio.mic_channels and the cable, flash the firmware with all raw channels",
    ),
    "clipped": (
        "capture gain or loudspeaker too high",
        "lower the capture gain in `alsamixer`, or excitation.level_dbfs",
    ),
    "copy": (
        _PLUG,
        "set audio.capture to the device itself (hw:...), flash the firmware with all raw "
        "channels, check audio.mic_channels",
    ),
    "hum": (
        "mains hum on the cable or the supply",
        "use another supply or a shorter, shielded cable; poses are made from it all the same",
    ),
    "deaf": (
        "a cable, a broken microphone or a covered hole",
        "check the cable, uncover the microphone's hole, check audio.mic_channels",
    ),
    "soft": (
        "a covered hole, or a capture gain of its own",
        "clean the microphone's hole, set the same capture gain for all channels in `alsamixer`",
    ),
    "loud": (
        "a capture gain of its own, or a wrong place in rig.mics_m",
        "set the same capture gain for all channels in `alsamixer`, check rig.mics_m",
    ),
    "exchanged": (
        "wrong order in audio.mic_channels",
        "exchange the two in audio.mic_channels, and check with `posekernel calibrate`",
    ),
}
_SET_REFERENCE = "set audio.reference_channel to the loopback, or to -1 where there is none"
_LOOPBACK_CAUSES: dict[FaultKind, tuple[str, str]] = {
    "silent": ("firmware without a loopback, or playback on another card", _SET_REFERENCE),
    "constant": ("firmware that does not drive the loopback", _SET_REFERENCE),
    "clipped": ("playback louder than the converter takes", "lower excitation.level_dbfs"),
    "copy": (_PLUG, f"set audio.capture to the device itself (hw:...); {_SET_REFERENCE}"),
}


def in_words(
    fault: MicrophoneFault, channels: Sequence[int] = (), reference: int | None = None
) -> Problem:
    """A fault in words. channels, reference: raw channels of the microphones and of the loopback,
    where known.
    """

    def named(m: int) -> str:
        if m == LOOPBACK:
            return "the loopback" + ("" if reference is None else f" (channel {reference})")
        return f"microphone {m}" + (f" (channel {channels[m]})" if channels else "")

    other = "" if fault.other is None else named(fault.other)
    found = {
        "copy": f"is a copy of {other}",
        "exchanged": f"seems exchanged with {other}",
        "hum": "hums",
        "soft": "is too soft",
        "loud": "is too loud",
    }.get(fault.kind, f"is {fault.kind}")
    if fault.kind != "copy":
        found = f"{found} ({fault.figure})"
    cause, remedy = _CAUSES[fault.kind]
    if fault.microphone == LOOPBACK:
        cause, remedy = _LOOPBACK_CAUSES.get(fault.kind, (cause, remedy))
    return Problem("sound", named(fault.microphone), fault.kind, found, cause, remedy)
