"""Responses of a shoebox room: empty, and what a body changes in it by way of the walls."""

import numpy as np

from edge.core.arrays import Array, ComplexArray
from edge.core.jit import kernel
from export.acoustics.directivity import Directivity, omnidirectional, pattern_gain
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid, deposit_surface, illuminate
from export.acoustics.shoebox import Room, wall_images
from export.acoustics.surface import Float32Array, Surface

FIRST_ORDER = 1


def empty_response(
    room: Room,
    speakers: Array,
    mics: Array,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    duration_s: float | None = None,
    directivity: Directivity | None = None,
) -> ComplexArray:
    """Spectra (S, M, N // 2 + 1) of the empty room. speakers (S, 3), mics (M, 3): camera frame [m].

    duration_s: later reflections are left out; None: until they have decayed by 60 dB, at most half
    a second. directivity: camera frame, None for spheres.
    """
    s, m = room.place_devices(speakers), room.place_devices(mics)
    aims = omnidirectional(s, m) if directivity is None else directivity.turned(room.rotation)
    reach = speed_of_sound_m_s * (
        min(room.reverberation_s, 0.5) if duration_s is None else duration_s
    )
    rate = grid.deposit_rate_hz / speed_of_sound_m_s
    spectra = np.empty((len(s), len(m), len(grid.frequencies_hz)), np.complex64)
    for i, speaker in enumerate(s):
        buffer = grid.buffer(len(m))
        walls = np.asarray(room.size_m, np.float64), np.asarray(room.reflections)
        _deposit_images(*walls, speaker, m, aims.speakers[i], aims.mics, reach, rate, buffer)
        spectra[i] = grid.impulse_spectrum(buffer)
    for box in room.furniture:
        patches = box.surface(grid.patch_spacing_m(speed_of_sound_m_s))
        spectra += _scattered(
            room,
            patches,
            s,
            m,
            aims,
            grid,
            speed_of_sound_m_s,
            box.reflection,
            FIRST_ORDER,
            None,
            None,
        )
    return spectra


def body_response(
    room: Room,
    body: Surface,
    speakers: Array,
    mics: Array,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    *,
    echo_gain: float = 1.0,
    order: int = 2,
    tail: LateTail | None = None,
    anchors: Array | None = None,
    directivity: Directivity | None = None,
) -> ComplexArray:
    """Spectra (S, M, N // 2 + 1) of what a body changes in the room: occupied minus empty.

    body, speakers (S, 3), mics (M, 3), anchors: camera frame [m]. Paths with up to `order` wall
    reflections, before and after the body together, are computed by physical optics: 13 for order
    1, 85 for order 2. tail: has the later ones; it moves with `anchors` (A, 3), points of the body
    such as its joints. directivity: camera frame, None for spheres.
    """
    s, m = room.place_devices(speakers), room.place_devices(mics)
    placed = body.moved(room.rotation, room.translation)
    points = placed.centre[None] if anchors is None else room.place(anchors)
    aims = omnidirectional(s, m) if directivity is None else directivity.turned(room.rotation)
    return _scattered(
        room, placed, s, m, aims, grid, speed_of_sound_m_s, echo_gain, order, tail, points
    )


def _scattered(
    room: Room,
    surface: Surface,
    speakers: Array,
    mics: Array,
    aims: Directivity,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    echo_gain: float,
    order: int,
    tail: LateTail | None,
    anchors: Array | None,
) -> ComplexArray:
    images, rate = wall_images(room, order), grid.deposit_rate_hz / speed_of_sound_m_s
    receivers = np.stack([images.of(mic) for mic in mics], axis=1)
    # The directivity is that of the body's middle and of the board's first microphone.
    received = pattern_gain(images.signs * aims.mics[0], surface.centre - receivers[:, 0])
    spectra = np.empty((len(speakers), len(mics), len(grid.frequencies_hz)), np.complex64)
    for i, speaker in enumerate(speakers):
        buffer = grid.buffer(len(mics))
        sent = pattern_gain(images.signs * aims.speakers[i], surface.centre - images.of(speaker))
        for a, source in enumerate(images.of(speaker)):
            lit = illuminate(surface, source, grid.patch_spacing_m(speed_of_sound_m_s))
            for b in np.nonzero(images.orders + images.orders[a] <= order)[0]:
                gain = images.gains[a] * sent[a] * images.gains[b] * received[b]
                deposit_surface(lit, receivers[b], rate, gain, echo_gain, buffer)
        spectra[i] = grid.scatter_spectrum(buffer, speed_of_sound_m_s)
        if tail is not None and anchors is not None:
            late = grid.buffer(len(mics))
            tail.deposit(
                speaker,
                mics,
                surface.cross_section_m2,
                anchors,
                rate,
                late,
                (aims.speakers[i], aims.mics[0]),
            )
            spectra[i] += grid.impulse_spectrum(late)
    return spectra


@kernel
def _deposit_images(
    size: Array,
    reflections: Array,
    source: Array,
    mics: Array,
    speaker_aim: Array,
    mic_aims: Array,
    reach: float,
    rate: float,
    buffer: Float32Array,
) -> None:
    length = buffer.shape[1]
    ux, uy, uz = speaker_aim[0], speaker_aim[1], speaker_aim[2]
    on_axis = 1.0 + np.sqrt(ux * ux + uy * uy + uz * uz)
    cells = np.empty(3, np.int64)
    for i in range(3):
        cells[i] = int(reach / (2.0 * size[i])) + 1
    for nx in range(-cells[0], cells[0] + 1):
        for px in range(2):
            x = (1 - 2 * px) * source[0] + 2 * nx * size[0]
            gx = reflections[0] ** abs(nx - px) * reflections[1] ** abs(nx)
            for ny in range(-cells[1], cells[1] + 1):
                for py in range(2):
                    y = (1 - 2 * py) * source[1] + 2 * ny * size[1]
                    gy = gx * reflections[2] ** abs(ny - py) * reflections[3] ** abs(ny)
                    if (x - mics[0, 0]) ** 2 + (y - mics[0, 1]) ** 2 > (reach + size[0]) ** 2:
                        continue
                    for nz in range(-cells[2], cells[2] + 1):
                        for pz in range(2):
                            z = (1 - 2 * pz) * source[2] + 2 * nz * size[2]
                            g = gy * reflections[4] ** abs(nz - pz) * reflections[5] ** abs(nz)
                            for m in range(mics.shape[0]):
                                dx, dy, dz = mics[m, 0] - x, mics[m, 1] - y, mics[m, 2] - z
                                d = np.sqrt(dx * dx + dy * dy + dz * dz)
                                if d < reach:
                                    # The image sends along the mirrored axis; the sound arrives
                                    # from the image.
                                    sent = (
                                        (1 - 2 * px) * ux * dx
                                        + (1 - 2 * py) * uy * dy
                                        + (1 - 2 * pz) * uz * dz
                                    )
                                    ax, ay, az = mic_aims[m, 0], mic_aims[m, 1], mic_aims[m, 2]
                                    received = -(ax * dx + ay * dy + az * dz) / d
                                    pattern = (1.0 + sent / d) / on_axis
                                    pattern *= (1.0 + received) / (
                                        1.0 + np.sqrt(ax * ax + ay * ay + az * az)
                                    )
                                    t = d * rate
                                    j = int(t)
                                    f = t - j
                                    buffer[m, j % length] += pattern * g / d * (1.0 - f)
                                    buffer[m, (j + 1) % length] += pattern * g / d * f
