"""From measurements to words: for every step, whether it is good enough, and what to do where it is
not.
"""

from collections.abc import Sequence

import numpy as np

from edge.core.arrays import Array
from edge.core.calibration_file import Step
from edge.core.contracts import ChannelMap
from edge.tools.calibration.array_geometry import FAULT_M, Geometry
from edge.tools.calibration.channels import LOOPBACK_RESIDUAL_DB, Channels
from edge.tools.calibration.clock_drift import ClockDrift

# Between playback and capture. Some ppm are followed by cutting anew, 20 spoil the subtraction of
# the empty room.
DRIFT_LIMIT_PPM = 5.0
# The converters of one array stay below this; it would shift every distance by half of it.
DELAY_LIMIT_M = 0.06
LEVEL_LIMIT_DB = 6.0
SNR_LIMIT_DB = 15.0
ROOM_LIMIT_DB = -15.0
NEAR_ULTRASOUND_HZ = (17000.0, 21000.0)
SPEED_OF_SOUND_M_S = 343.0
OTHER_SITE_M = 0.5


def table(steps: Sequence[Step]) -> str:
    """The steps as aligned text; what to do on lines of their own."""
    width = max(len(s.name) for s in steps)
    lines = []
    for s in steps:
        lines.append(f"{s.outcome.upper():<8} {s.name:<{width}}  {s.found}")
        if s.remedy:
            lines.append(f"{'':<8} {'':<{width}}  -> {s.remedy}")
    return "\n".join(lines)


def judge_channels(channels: Channels, map: ChannelMap) -> list[Step]:
    """Dead channels, levels, and which channel is the loopback."""
    levels = ", ".join(f"{channels.level_db[c]:.0f}" for c in map.mics)
    if channels.dead:
        numbers = [map.mics[m] for m in channels.dead]
        found = f"{_channels(numbers)} {'is' if len(numbers) == 1 else 'are'} dead (microphones' levels: {levels} dBFS)"
        steps = [
            Step(
                "channels",
                "fault",
                found,
                "check the cable, the firmware and audio.mic_channels",
                "dead",
            )
        ]
    else:
        weakest = min(float(channels.snr_db[c]) for c in map.mics)
        found = f"all {len(map.mics)} microphones hear the loudspeaker ({levels} dBFS, at least {weakest:.0f} dB over noise)"
        faint = weakest < SNR_LIMIT_DB
        remedy = "turn the loudspeaker up, or calibrate when it is quieter" if faint else ""
        steps = [Step("channels", "warning" if faint else "ok", found, remedy)]
    return [*steps, _judge_loopback(channels, map)]


def _judge_loopback(channels: Channels, map: ChannelMap) -> Step:
    found, said = channels.loopback, map.reference
    if said is None and found is None:
        text = "no channel is a loopback: the time of emission is unknown, only differences of distance are"
        return Step("reference", "ok", text)
    if said is not None and (found == said or channels.residual_db[said] < LOOPBACK_RESIDUAL_DB):
        return Step(
            "reference",
            "ok",
            f"channel {said} is the loopback ({channels.residual_db[said]:.0f} dB of anything else)",
        )
    if found is None:
        text = f"channel {said} is no loopback: {channels.residual_db[said or 0]:.0f} dB of it are not the excitation"
        return Step(
            "reference",
            "fault",
            text,
            "set audio.reference_channel = -1, or flash the firmware that has one",
            "reference",
        )
    if said is None:
        remedy = f"set audio.reference_channel = {found}: then distances do not depend on the converters' delay"
        return Step(
            "reference",
            "warning",
            f"channel {found} is a loopback that the configuration does not use",
            remedy,
        )
    return Step(
        "reference",
        "fault",
        f"the loopback is channel {found}, not {said}",
        f"set audio.reference_channel = {found}",
        "reference",
    )


def judge_clock(clock: ClockDrift) -> Step:
    """Whether playback and capture share one clock."""
    found = f"playback and capture differ by {clock.drift_ppm:.1f} +- {clock.sigma_ppm:.1f} ppm"
    if not np.isfinite(clock.drift_ppm):
        return Step(
            "clock",
            "open",
            "the recording has too many pauses to tell",
            "record again in one piece",
        )
    if abs(clock.drift_ppm) > max(DRIFT_LIMIT_PPM, 4.0 * clock.sigma_ppm):
        remedy = "play through the array's own output: both must run on one clock"
        return Step("clock", "fault", found, remedy, "clock")
    return Step("clock", "ok", found)


def judge_geometry(g: Geometry, map: ChannelMap, known_emission: bool, own_m: float) -> list[Step]:
    """Order of the channels, places, and the delay from the loopback to the microphones.

    own_m: the part of the delay that the loudspeaker's own resonances explain, as a distance.
    """
    steps = [_judge_order(g, map), _judge_places(g, map, known_emission)]
    return [*steps, _judge_delay(g, own_m)] if known_emission else steps


def judge_response(channels: Channels, measured_hz: tuple[float, float]) -> Step:
    """What band the hardware carries, and whether near-ultrasound is in it."""
    low, high = channels.carried_hz
    if high == 0.0:
        found = f"no third octave between {measured_hz[0]:.0f} and {measured_hz[1]:.0f} Hz is carried by every microphone"
        return Step(
            "response",
            "fault",
            found,
            "turn the loudspeaker up, or see what covers the microphones",
            "response",
        )
    found = f"every microphone carries {low:.0f} to {high:.0f} Hz (measured {measured_hz[0]:.0f} to {measured_hz[1]:.0f} Hz)"
    if high >= NEAR_ULTRASOUND_HZ[1]:
        return Step("response", "ok", f"{found}: near-ultrasound is allowed")
    why = "was not measured" if measured_hz[1] < NEAR_ULTRASOUND_HZ[1] else "is not carried"
    return Step("response", "ok", f"{found}: near-ultrasound {why}, and such a band is refused")


def _judge_order(g: Geometry, map: ChannelMap) -> Step:
    if not g.in_order:
        wrong = [i for i, o in enumerate(g.order) if o != i]
        right = [0] * len(g.order)
        for channel, mic in enumerate(g.order):
            right[mic] = map.mics[channel]
        swap = len(wrong) == 2
        what = f"{_channels([map.mics[i] for i in wrong])} are {'swapped' if swap else 'in another order'}"
        return Step("order", "fault", what, f"set audio.mic_channels = {right}", "swapped")
    if not g.order_visible:
        return Step(
            "order",
            "open",
            "a swap of two channels could hide from this place of the loudspeaker",
            _move(g),
        )
    return Step("order", "ok", f"the channels are in the profile's order ({_places(g)})")


def _judge_places(g: Geometry, map: ChannelMap, known_emission: bool) -> Step:
    deviation = ", ".join(f"{d:+.1f}" for d in g.deviation_mm)
    unknown = (
        "" if known_emission else "; without a loopback only differences of distance are known"
    )
    table = f"measured less profile {deviation} mm{unknown}"
    if g.off is not None:
        who = "the array's spacing" if g.off < 0 else f"channel {map.mics[g.off]}'s microphone"
        found = f"{who} is {1e3 * g.off_m:.0f} mm from where the profile has it ({table})"
        return Step(
            "places",
            "fault",
            found,
            "measure the array, and mend rig.mics_m (or the array's profile)",
            "geometry",
        )
    if not g.place_visible:
        found = f"a microphone {1e3 * FAULT_M:.0f} mm off its place could hide ({table})"
        return Step("places", "open", found, _move(g))
    return Step(
        "places", "ok", f"microphones are where the profile has them ({_places(g)}; {table})"
    )


def _judge_delay(g: Geometry, own_m: float) -> Step:
    delay_ms, sigma_ms, own_ms = (
        1e3 * x / SPEED_OF_SOUND_M_S for x in (g.constant_m, g.constant_sigma_m, own_m)
    )
    limit_m = max(DELAY_LIMIT_M, 5.0 * g.constant_sigma_m)
    found = f"the sound leaves {delay_ms:.3f} +- {sigma_ms:.3f} ms after the loopback ({100 * g.constant_m:.1f} cm)"
    parts = f"{own_ms:.3f} ms by the loudspeaker's own resonances, {delay_ms - own_ms:.3f} ms by the electronics"
    if abs(g.constant_m - own_m) > limit_m:
        remedy = (
            "play through the array's own output, by wire and without effects; posekernel run takes the delay out as long as it "
            "stays: start the device again and calibrate twice to see that it does"
        )
        return Step("delay", "warning", f"{found}: {parts}", remedy, "delay")
    if abs(g.constant_m) > limit_m:
        remedy = "posekernel run takes it out; calibrate again when the loudspeaker changes"
        return Step("delay", "ok", f"{found}: {parts}", remedy)
    return Step("delay", "ok", found)


def _places(g: Geometry) -> str:
    count = len(g.measured_m)
    return f"{count} place{'s' if count > 1 else ''} of the loudspeaker"


def _move(g: Geometry) -> str:
    if g.next_sites_m is None:
        return ""
    best = g.next_sites_m[0]
    apart = np.linalg.norm(g.next_sites_m - best, axis=1)
    other = g.next_sites_m[int(np.argmax(apart > OTHER_SITE_M))]
    return (
        f"move the loudspeaker to about {_place(best)} m (camera frame; {_place(other)} if that cannot be), measure where it "
        "stands, record again"
    )


def _place(xyz: Array) -> str:
    return "[" + ", ".join(f"{x:.2f}" for x in xyz) + "]"


def _channels(numbers: list[int]) -> str:
    return (
        f"channel {numbers[0]}"
        if len(numbers) == 1
        else "channels " + ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
    )
