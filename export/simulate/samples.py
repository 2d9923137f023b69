"""From a scene to samples of the dataset format: sound in the room, its recording, and the
runtime's own front end.
"""

import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.fft

from edge.core.arrays import Array, ComplexArray, Rng
from edge.core.config import LifterConfig
from edge.core.pose import Keypoints
from edge.core.rig import speed_of_sound
from edge.lifting.geometric_lifter import first_arrival_s
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import make_excitation
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.drift import Warp, warped
from edge.sources.session.dataset import Sample, write_environment, write_sample
from edge.sources.session.writer import FULL_SCALE
from export.acoustics.directivity import Directivity
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import body_response, empty_response
from export.acoustics.shoebox import Room
from export.acoustics.surface import Float32Array, MeshSampler, Surface, roughen
from export.bodies.body import Split, load_bank, make_body, pose_body
from export.bodies.poses import upright
from export.simulate.conditions import CONDITIONS, joints_in_view
from export.simulate.electronics import Electronics, Recorder, noise_for_sir, random_response
from export.simulate.scenes import Scene, ScenePerson, make_scene, scene_rng

WINDOW_S = 0.04
WALL_ORDER = 1  # body paths beyond it are the late tail's
COLDEST_M_S = 331.0  # speed of sound of the shortest wavelength, for which bodies are sampled
# Sound that goes from body to furniture and back is part of the tail here, not computed: in a
# wave-simulated furnished room the tail is 2 to 5 dB above a bare shoebox's
# (export/studies/results/levels.md). Beyond the upper limit a body would change more of the
# reverberation than there is.
TAIL_MEAN_DB, TAIL_SPREAD_DB, TAIL_LIMITS_DB = 3.0, 4.0, (-6.0, 9.0)
LONGEST_DECAY_S = 0.35
GUARD_SAMPLES = 256
PEAK_DBFS = (-24.0, -9.0)  # of the microphones in the empty room
# The device learns the empty room over 15 s and more: each of the simulated periods stands for the
# mean of this many.
EMPTY_AVERAGE = 16
# A sensor that is not fresh has heard the air swing by so much (least, most), once up and down, in
# so many such means: in an hour or two at two seconds of sound a minute, of which it takes five
# periods.
SWING_C, SWING_HEARD = (0.1, 0.6), 25
PERSON_EVERY_NS = 10**10
REDRAW_DB, REDRAWS = 6.0, 8


@dataclass(frozen=True)
class Order:
    """One environment to make: people seen one after the other by one rig in one room.

    clean: also write each sample's response without noise (rir_clean.npy). conditions: one of
    `conditions.CONDITIONS`. Equal orders give equal files.
    """

    split: Split
    seed: int
    index: int
    people: int
    family: str
    clean: bool = False
    conditions: str = "field"


class DriftingRoom:
    """The empty room's response as its air warms: every path keeps its length, so the whole
    response is stretched in time.
    """

    def __init__(
        self,
        room: Room,
        speakers: Array,
        mics: Array,
        grid: PeriodGrid,
        speed_of_sound_m_s: float,
        directivity: Directivity | None = None,
    ) -> None:
        self._speed_m_s, self._n = speed_of_sound_m_s, grid.period_samples
        decay = min(room.reverberation_s, LONGEST_DECAY_S)
        self._periods = int(np.ceil(decay * grid.sample_rate_hz / self._n)) + 1
        length = self._periods * self._n
        unwrapped = PeriodGrid(grid.sample_rate_hz, length, grid.band_hz)
        spectra = empty_response(
            room, speakers, mics, unwrapped, speed_of_sound_m_s, decay, directivity
        )
        self._shape = spectra.shape[:2]
        one_sided = np.zeros((len(speakers) * len(mics), length), np.complex64)
        one_sided[:, : spectra.shape[2]] = 2.0 * spectra.reshape(len(one_sided), -1)
        # Band-limited pulses begin before their arrival: keep the direct sound's beginning from
        # wrapping to the end.
        self._analytic = np.roll(
            scipy.fft.ifft(one_sided).astype(np.complex64), GUARD_SAMPLES, axis=1
        )

    def at(self, speed_of_sound_m_s: float) -> ComplexArray:
        """Spectra (S, M, N // 2 + 1) of the periodic steady state at another speed of sound [m/s]."""
        count = len(self._analytic)
        stretch = speed_of_sound_m_s / self._speed_m_s - 1.0
        warp = Warp(np.ones(count), np.full(count, -stretch * GUARD_SAMPLES), stretch)
        response = np.roll(np.nan_to_num(warped(self._analytic, warp)).real, -GUARD_SAMPLES, axis=1)
        wrapped = response.reshape(*self._shape, self._periods, self._n).sum(axis=2)
        return np.asarray(scipy.fft.rfft(wrapped), np.complex64)


class SoundStage:
    """One scene's room, air and electronics, and the runtime's front end that listens to them.
    rate_hz: of its responses.
    """

    def __init__(self, scene: Scene, rng: Rng) -> None:
        """rng: electronics, tail and the noise while the empty room is learned."""
        rig, x = scene.rig, scene.rig.excitation
        self.scene = scene
        self.signal = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
        self.grid = PeriodGrid(x.sample_rate_hz, x.period_samples, x.band_hz)
        level_db = float(np.clip(rng.normal(TAIL_MEAN_DB, TAIL_SPREAD_DB), *TAIL_LIMITS_DB))
        self.tail = LateTail(scene.room, rng, after_order=WALL_ORDER, level_db=level_db)
        self._start_m_s = speed_of_sound(rig.temperature_c)
        self._empty = DriftingRoom(
            scene.room,
            rig.true.speakers,
            rig.true.mics,
            self.grid,
            self._start_m_s,
            rig.directivity,
        )
        self._sampler = body_sampler(COLDEST_M_S / x.band_hz[1] / 3.0)
        window_s = min(WINDOW_S, x.period_s / len(rig.true.speakers))
        self._deconvolve = Deconvolver(self.signal, rig.measured, window_s)
        self.rate_hz = self._deconvolve.sample_rate_hz
        window = self._deconvolve.window_samples
        self.background = Background(
            rig.measured, self.rate_hz, x.band_hz, window, period_s=x.period_s, leak_s=float("inf")
        )
        self.electronics = self._draw_electronics(rng)
        self._delay_samples = self.electronics.delay_samples + rng.normal(0.0, 0.02)

    def body(self, person: ScenePerson, rng: Rng) -> ComplexArray:
        """Spectra (S, M, F) of what a person changes in the room. rng: folds of the clothes."""
        surface = roughen(self._sampler.surface(person.vertices), person.roughness_m, rng)
        return self._scattered(person, surface)

    def _scattered(self, person: ScenePerson, surface: Surface) -> ComplexArray:
        true = self.scene.rig.true
        return body_response(
            self.scene.room,
            surface,
            true.speakers,
            true.mics,
            self.grid,
            self._speed_m_s(person.warmth_c),
            echo_gain=person.echo_gain,
            order=WALL_ORDER,
            tail=self.tail,
            anchors=person.joints,
            directivity=self.scene.rig.directivity,
        )

    def noise_rms(self, person: ScenePerson, body: ComplexArray, sir_db: float) -> float:
        """Noise [full scales] at which this person's echo stands sir_db above it."""
        first = float(self.scene.rig.true.arrival_s(person.joints).min())
        return self.electronics.gain * noise_for_sir(self.signal, body[0], first, sir_db)

    def hear_drift(self, noise_rms: float, rng: Rng) -> None:
        """Let the background hear the empty room as its air warms and cools, as it does within
        hours; after `learn_empty`.
        """
        recorder = self._recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        swing_c = np.exp(rng.uniform(*np.log(SWING_C))) * rng.choice([-1.0, 1.0])
        for k, phase in enumerate(np.linspace(0.0, 2.0 * np.pi, SWING_HEARD)):
            heard = recorder.period(
                self._empty.at(self._speed_m_s(float(swing_c * np.sin(phase)))), k
            )
            self.background.remember(self._hear(heard))

    def learn_empty(self, noise_rms: float, rng: Rng) -> Float32Array:
        """Let the background learn the empty room; its response (P, T) as the front end hears it."""
        recorder = self._recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        spectrum = self._empty.at(self._start_m_s)
        heard = [self._hear(recorder.period(spectrum, k)) for k in range(FIRST_PERIODS)]
        for k, responses in enumerate(heard):
            self.background.step(responses, k * 10**8, False)
        return np.asarray(np.mean(heard, axis=0).real, np.float32)

    def listen(
        self,
        person: ScenePerson,
        body: ComplexArray,
        keypoints: Keypoints,
        noise_rms: float,
        t_ns: int,
        rng: Rng,
    ) -> tuple[Float32Array, Float32Array] | None:
        """Pose kernels (P, T) of a person with and without noise; None where the background takes
        the period for a fault.

        t_ns: on any steady clock, the empty room was learned in its first second.
        """
        measured = self.scene.rig.measured
        response = self._empty.at(self._speed_m_s(person.warmth_c)) + body
        first = first_arrival_s(keypoints, measured, LifterConfig())
        quiet = self._hear(
            self._recorder(0.0, copy.deepcopy(rng)).period(response)
        )  # the same jitter
        noisy = self._hear(self._recorder(noise_rms, rng).period(response))
        kernels = self.background.step(noisy, t_ns, True, first)
        if kernels is None:
            return None
        return np.asarray(kernels.real, np.float32), np.asarray(
            (kernels - noisy + quiet).real, np.float32
        )

    def body_alone(self, person: ScenePerson, body: ComplexArray, rng: Rng) -> ComplexArray:
        """Pose kernels (P, T) that a perfect background would leave, without noise. rng: as for
        `listen`.
        """
        empty = self._empty.at(self._speed_m_s(person.warmth_c))
        there, gone = (
            self._hear(self._recorder(0.0, copy.deepcopy(rng)).period(r))
            for r in (empty + body, empty)
        )
        return there - gone

    def _speed_m_s(self, warmth_c: float) -> float:
        return speed_of_sound(self.scene.rig.temperature_c + warmth_c)

    def _recorder(self, noise_rms: float, rng: Rng) -> Recorder:
        return Recorder(
            self.signal, self.scene.rig.layout, replace(self.electronics, noise_rms=noise_rms), rng
        )

    def _hear(self, raw: npt.NDArray[np.int16]) -> ComplexArray:
        """Raw channels (N, C) of one period -> analytic responses (P, T), as on the device."""
        layout = self.scene.rig.layout
        channels = raw.T.astype(np.float32) / np.float32(FULL_SCALE)
        reference = None if layout.reference_channel is None else channels[layout.reference_channel]
        return self._deconvolve(channels[list(layout.mic_channels)], reference, self._delay_samples)

    def _draw_electronics(self, rng: Rng) -> Electronics:
        rig, f = self.scene.rig, self.grid.frequencies_hz
        ripple = rng.uniform(0.5, 4.0), rng.uniform(0.2, 1.2)
        electronics = Electronics(
            speaker_response=np.stack(
                [random_response(rng, f, ripple[0]) for _ in rig.true.speakers]
            ),
            mic_response=np.stack([random_response(rng, f, ripple[1]) for _ in rig.true.mics]),
            delay_samples=float(rng.uniform(-0.5, 0.5)),
            air_jitter_s=float(rng.uniform(0.0, 0.5e-6)),
            third_harmonic=float(10.0 ** (rng.uniform(-60.0, -40.0) / 20.0)),
            skew_ppm=float(rng.normal(0.0, 0.3)),
        )
        recorder = Recorder(self.signal, rig.layout, electronics, rng)
        peak = np.abs(recorder.heard(self._empty.at(self._start_m_s))).max()
        return replace(electronics, gain=float(10.0 ** (rng.uniform(*PEAK_DBFS) / 20.0) / peak))


@lru_cache(maxsize=4)
def body_sampler(spacing_m: float) -> MeshSampler:
    """Patches for every body of the bank: those of its tallest, so that nobody's are coarser."""
    bank = load_bank()
    tallest = make_body({int(bank.height_m.argmax()): 1.0}, 2.0)
    posed = pose_body(tallest, upright(tallest))
    return MeshSampler(
        posed.vertices.astype(np.float64),
        posed.faces.astype(np.int64),
        spacing_m,
        np.random.default_rng(0),
    )


def draw_people(
    stage: SoundStage, split: Split, seed: int, index: int
) -> tuple[list[Rng], list[ComplexArray], list[float]]:
    """Of each person of a scene: the generator that goes on with them, their body's spectra, the
    noise at their own sir_db.
    """
    people = stage.scene.people
    draws = [scene_rng(split, seed, index, 10 + k) for k in range(len(people))]
    bodies = [stage.body(person, rng) for person, rng in zip(people, draws, strict=True)]
    return (
        draws,
        bodies,
        [stage.noise_rms(p, body, p.sir_db) for p, body in zip(people, bodies, strict=True)],
    )


def settle_in(
    stage: SoundStage, noises: list[float], conditions: str, split: Split, seed: int, index: int
) -> Float32Array:
    """Let the sensor learn the empty room, amid the people's median noise, and have heard it drift,
    unless it is fresh.

    Returns the empty room's response (P, T).
    """
    noise = float(np.median(noises))
    empty = stage.learn_empty(noise, scene_rng(split, seed, index, 2))
    past = scene_rng(split, seed, index, 3)
    if past.random() >= CONDITIONS[conditions].fresh:
        stage.hear_drift(noise, past)
    return empty


def simulate_environment(order: Order, folder: Path) -> int:
    """Write one environment to a folder; the number of its samples. Raises ConfigError for an
    unknown family of rigs.
    """
    scene = make_scene(
        order.split, order.seed, order.index, order.people, order.family, order.conditions
    )
    stage = SoundStage(scene, scene_rng(order.split, order.seed, order.index, 1))
    draws, bodies, noises = draw_people(stage, order.split, order.seed, order.index)
    empty = settle_in(stage, noises, order.conditions, order.split, order.seed, order.index)
    write_environment(
        folder, scene.rig.measured, stage.rate_hz, scene.rig.excitation.band_hz, empty
    )
    written = 0
    for number, (person, body, rng) in enumerate(zip(scene.people, bodies, draws, strict=True)):
        sample = _sample(stage, number, person, body, rng, order)
        if sample is not None:
            write_sample(folder, sample)
            written += 1
    return written


def _sample(
    stage: SoundStage, number: int, person: ScenePerson, body: ComplexArray, rng: Rng, order: Order
) -> Sample | None:
    """None where the background takes the person for a fault whatever the noise: the device is deaf
    there.
    """
    camera = stage.scene.rig.true.camera
    keypoints = CONDITIONS[order.conditions].keypoints(rng, person.joints, camera)
    sir_db = person.sir_db
    for _ in range(REDRAWS):
        noise_rms = stage.noise_rms(person, body, sir_db)
        heard = stage.listen(
            person, body, keypoints, noise_rms, (number + 1) * PERSON_EVERY_NS, rng
        )
        if heard is not None:
            break
        # The device drops a period that does not look like its room: too much noise, or air that
        # has drifted too far.
        sir_db += REDRAW_DB
        person = replace(person, warmth_c=0.5 * person.warmth_c)
    else:
        return None
    noisy, clean = heard
    scene, posed = stage.scene, person.posed
    info = {
        "source": "simulated",
        "split": scene.split,
        "conditions": order.conditions,
        "room": scene.name,
        "room_size_m": np.round(scene.room.size_m, 3).tolist(),
        "t60_s": round(scene.room.reverberation_s, 3),
        "furniture": len(scene.room.furniture),
        "tail_db": round(stage.tail.level_db, 2),
        "array": scene.rig.name,
        "band_hz": list(scene.rig.excitation.band_hz),
        "pose": posed.pose.kind,
        "clip": posed.pose.clip,
        "body": posed.body.index,
        "height_m": round(posed.body.height_m, 4),
        "heading_deg": round(person.heading_deg, 1),
        "distance_m": round(float(np.linalg.norm(person.joints[8])), 4),
        "joints_in_view": int(joints_in_view(camera, person.joints[:15]).sum()),
        "camera_height_m": round(float(camera.height_m or 0.0), 4),
        "sir_db": round(sir_db, 2),
        "noise_rms": float(np.sqrt(np.mean((noisy - clean) ** 2))),
        "warmth_c": round(person.warmth_c, 3),
        "echo_gain": round(person.echo_gain, 3),
        "roughness_m": round(person.roughness_m, 5),
    }
    return Sample(
        str(number), noisy, person.joints, keypoints, info, clean if order.clean else None
    )
