"""Responses of a shoebox room: empty, and what bodies change in it by way of the walls."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.core.arrays import Array, ComplexArray, Rng
from edge.core.jit import kernel
from export.acoustics.between_bodies import deposit_between, draw_paths
from export.acoustics.directivity import Directivity, omnidirectional, pattern_gain
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid, deposit_surface, illuminate
from export.acoustics.shading import passed
from export.acoustics.shoebox import Room, wall_images
from export.acoustics.surface import Float32Array, Surface

FIRST_ORDER = 1
BOARD_M = 0.3  # the size of a board with devices


@dataclass(frozen=True, eq=False)
class Reflector:
    """A body in a room. surface: its patches. echo_gain: pressure reflection of its surface.
    anchors: (A, 3) points of it [m], such as joints, with which its late tail moves; None: its
    middle.
    """

    surface: Surface
    echo_gain: float = 1.0
    anchors: Array | None = None

    def placed(self, room: Room) -> "Reflector":
        """The same in the room's own frame, from the camera frame."""
        surface = self.surface.moved(room.rotation, room.translation)
        points = surface.centre[None] if self.anchors is None else room.place(self.anchors)
        return Reflector(surface, self.echo_gain, points)


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
        piece = [Reflector(patches, box.reflection)]
        spectra += _scattered(room, piece, s, m, aims, grid, speed_of_sound_m_s, FIRST_ORDER)
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
    one = [Reflector(body, echo_gain, anchors)]
    return bodies_response(
        room,
        one,
        speakers,
        mics,
        grid,
        speed_of_sound_m_s,
        order=order,
        tail=tail,
        directivity=directivity,
    )


def bodies_response(
    room: Room,
    bodies: Sequence[Reflector],
    speakers: Array,
    mics: Array,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    *,
    order: int = 2,
    tail: LateTail | None = None,
    directivity: Directivity | None = None,
    rng: Rng | None = None,
) -> ComplexArray:
    """The same for several bodies at once, at least one; camera frame.

    They shade each other on the way from every image of a loudspeaker, and echoes on the way to
    every image of a microphone. rng: draws the paths from body to body, in free air only; None
    leaves them out. The tails of bodies add up.
    """
    s, m = room.place_devices(speakers), room.place_devices(mics)
    placed = [b.placed(room) for b in bodies]
    aims = omnidirectional(s, m) if directivity is None else directivity.turned(room.rotation)
    return _scattered(room, placed, s, m, aims, grid, speed_of_sound_m_s, order, tail, rng)


def _scattered(
    room: Room,
    bodies: Sequence[Reflector],
    speakers: Array,
    mics: Array,
    aims: Directivity,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
    order: int,
    tail: LateTail | None = None,
    rng: Rng | None = None,
) -> ComplexArray:
    images, rate = wall_images(room, order), grid.deposit_rate_hz / speed_of_sound_m_s
    receivers = np.stack([images.of(mic) for mic in mics], axis=1)
    spacing = grid.patch_spacing_m(speed_of_sound_m_s)
    wavelength = grid.wavelength_m(speed_of_sound_m_s)
    surfaces = [b.surface for b in bodies]
    others = [[s for s in surfaces if s is not own] for own in surfaces]
    paths = (
        None
        if rng is None or len(bodies) < 2
        else draw_paths([(b.surface, b.echo_gain) for b in bodies], rng)
    )
    spectra = np.empty((len(speakers), len(mics), len(grid.frequencies_hz)), np.complex64)
    for i, speaker in enumerate(speakers):
        buffer = grid.buffer(len(mics))
        sources = images.of(speaker)
        for body, rest in zip(bodies, others, strict=True):
            surface = body.surface
            light, back = _ways(surface, rest, sources, receivers, spacing, wavelength)
            # The directivity is that of the body's middle and of the board's first microphone.
            received = pattern_gain(images.signs * aims.mics[0], surface.centre - receivers[:, 0])
            sent = pattern_gain(images.signs * aims.speakers[i], surface.centre - sources)
            for a, source in enumerate(sources):
                lit = illuminate(surface, source, spacing, None if light is None else light[a])
                for b in np.nonzero(images.orders + images.orders[a] <= order)[0]:
                    gain = images.gains[a] * sent[a] * images.gains[b] * received[b]
                    deposit_surface(
                        lit,
                        receivers[b],
                        rate,
                        gain,
                        body.echo_gain,
                        buffer,
                        None if back is None else back[b],
                    )
        spectra[i] = grid.scatter_spectrum(buffer, speed_of_sound_m_s)
        late = grid.buffer(len(mics))
        for body in bodies:
            if tail is not None and body.anchors is not None:
                tail.deposit(
                    speaker,
                    mics,
                    body.surface.cross_section_m2,
                    body.anchors,
                    rate,
                    late,
                    (aims.speakers[i], aims.mics[0]),
                )
        if paths is not None:
            deposit_between(paths, speaker, mics, rate, late)
        if late.any():
            spectra[i] += grid.impulse_spectrum(late)
    return spectra


def direct_echoes(
    room: Room,
    bodies: Sequence[Reflector],
    speaker: Array,
    mic: Array,
    grid: PeriodGrid,
    speed_of_sound_m_s: float,
) -> list[tuple[ComplexArray, ComplexArray]]:
    """Of each body the spectrum (1, F) of its direct echo as the others shade it, and alone.

    bodies, speaker, mic (3,): camera frame [m]. Without walls, tail, directivity.
    """
    source, receiver = room.place_devices(np.stack([speaker, mic]))
    spacing, rate = (
        grid.patch_spacing_m(speed_of_sound_m_s),
        grid.deposit_rate_hz / speed_of_sound_m_s,
    )
    wavelength = grid.wavelength_m(speed_of_sound_m_s)
    placed = [b.placed(room) for b in bodies]
    out = []
    for own in placed:
        others = [b.surface for b in placed if b is not own]
        light = passed(own.surface, others, source, spacing, wavelength)
        back = passed(own.surface, others, receiver, spacing, wavelength)[None]
        spectra = []
        for way_in, way_back in ((light, back), (None, None)):
            buffer = grid.buffer(1)
            lit = illuminate(own.surface, source, spacing, way_in)
            deposit_surface(lit, receiver[None], rate, 1.0, own.echo_gain, buffer, way_back)
            spectra.append(grid.scatter_spectrum(buffer, speed_of_sound_m_s))
            if (light == 1.0).all() and (back == 1.0).all():
                spectra *= 2
                break
        out.append((spectra[0], spectra[1]))
    return out


def _ways(
    surface: Surface,
    others: list[Surface],
    sources: Array,
    receivers: Array,
    spacing_m: float,
    wavelength_m: float,
) -> tuple[Float32Array, Float32Array] | tuple[None, None]:
    """How much of the sound passes other bodies to each patch from images of the loudspeaker
    (I, 3) -> (I, K), and from there to images of the microphones (I, M, 3) -> (I, M or 1, K); None
    without others. Devices on one board see bodies hide one another alike.
    """
    if not others:
        return None, None

    def from_all(places: Array) -> Float32Array:
        return np.stack([passed(surface, others, p, spacing_m, wavelength_m) for p in places])

    middle = receivers.mean(axis=1)
    if np.linalg.norm(np.ptp(np.vstack([receivers[0], sources[:1]]), axis=0)) < BOARD_M:
        both = from_all(0.5 * (sources + middle))
        return both, both[:, None]
    if np.linalg.norm(np.ptp(receivers[0], axis=0)) < BOARD_M:
        return from_all(sources), from_all(middle)[:, None]
    return from_all(sources), np.stack([from_all(image) for image in receivers])


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
