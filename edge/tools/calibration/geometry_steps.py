"""What the measured geometry means: order of the channels, places of the microphones, delay."""

import numpy as np

from edge.core.arrays import Array
from edge.core.calibration_file import Step
from edge.core.contracts import ChannelMap
from edge.tools.calibration.array_geometry import FAULT_M, Geometry
from edge.tools.calibration.channels import numbered

# The converters of one array stay below this; it would shift every distance by half of it.
DELAY_LIMIT_M = 0.06
SPEED_OF_SOUND_M_S = 343.0
OTHER_SITE_M = 0.5


def judge_geometry(g: Geometry, map: ChannelMap, known_emission: bool, own_m: float) -> list[Step]:
    """Steps "order", "places" and, where the emission is known from a loopback, "delay".

    own_m: the part of the delay that the loudspeaker's own resonances explain, as a distance.
    """
    steps = [_judge_order(g, map), _judge_places(g, map, known_emission)]
    return [*steps, _judge_delay(g, own_m)] if known_emission else steps


def _judge_order(g: Geometry, map: ChannelMap) -> Step:
    if not g.in_order:
        wrong = [map.mics[i] for i, o in enumerate(g.order) if o != i]
        right = [0] * len(g.order)
        for channel, mic in enumerate(g.order):
            right[mic] = map.mics[channel]
        how = "swapped" if len(wrong) == 2 else "in another order"
        found = f"{numbered(wrong)} are {how}"
        return Step("order", "fault", found, f"set audio.mic_channels = {right}", "swapped")
    if not g.order_visible:
        found = "a swap of two channels could hide from this place of the loudspeaker"
        return Step("order", "open", found, _move(g))
    return Step("order", "ok", f"the channels are in the profile's order ({_places(g)})")


def _judge_places(g: Geometry, map: ChannelMap, known_emission: bool) -> Step:
    table = f"measured less profile {', '.join(f'{d:+.1f}' for d in g.deviation_mm)} mm"
    if not known_emission:
        table += "; without a loopback only differences of distance are known"
    if g.off is not None:
        who = "the array's spacing" if g.off < 0 else f"channel {map.mics[g.off]}'s microphone"
        found = f"{who} is {1e3 * g.off_m:.0f} mm from where the profile has it ({table})"
        remedy = "measure the array, and mend rig.mics_m (or the array's profile)"
        return Step("places", "fault", found, remedy, "geometry")
    if not g.place_visible:
        found = f"a microphone {1e3 * FAULT_M:.0f} mm off its place could hide ({table})"
        return Step("places", "open", found, _move(g))
    found = f"microphones are where the profile has them ({_places(g)}; {table})"
    return Step("places", "ok", found)


def _judge_delay(g: Geometry, own_m: float) -> Step:
    delay_ms, sigma_ms, own_ms = (
        1e3 * x / SPEED_OF_SOUND_M_S for x in (g.constant_m, g.constant_sigma_m, own_m)
    )
    limit_m = max(DELAY_LIMIT_M, 5.0 * g.constant_sigma_m)
    found = (
        f"the sound leaves {delay_ms:.3f} +- {sigma_ms:.3f} ms after the loopback "
        f"({100 * g.constant_m:.1f} cm)"
    )
    parts = (
        f"{own_ms:.3f} ms by the loudspeaker's own resonances, "
        f"{delay_ms - own_ms:.3f} ms by the electronics"
    )
    if abs(g.constant_m - own_m) > limit_m:
        remedy = (
            "play through the array's own output, by wire and without effects; posekernel run "
            "takes the delay out as long as it stays: start the device again and calibrate twice "
            "to see that it does"
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
        f"move the loudspeaker to about {_place(best)} m "
        f"(camera frame; {_place(other)} if that cannot be), measure where it stands, record again"
    )


def _place(xyz: Array) -> str:
    return "[" + ", ".join(f"{x:.2f}" for x in xyz) + "]"
