"""What a sensor records of a scene, by the runtime's own front end."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge.core.arrays import ComplexArray, Rng
from edge.core.config import LifterConfig
from edge.core.pose import Keypoints
from edge.lifting.geometric_lifter import first_arrival_s
from edge.sound.deconvolution import Deconvolver
from edge.sound.excitation import make_excitation
from edge.sound.room.background import FIRST_PERIODS, Background
from edge.sound.room.occupant import Occupant
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import Reflector
from export.acoustics.surface import Float32Array, MeshSampler, roughen
from export.bodies.body import load_bank, make_body, pose_body
from export.bodies.poses import upright
from export.simulate.changes.random_changes import RoomChanges
from export.simulate.electronics import (
    Electronics,
    Recorder,
    noise_for_sir,
    peak_level,
    random_transducers,
)
from export.simulate.moments.casting import Moment, ScenePerson
from export.simulate.room_sound import RoomSound
from export.simulate.scenes import Scene

WINDOW_S = 0.04
WALL_ORDER = 1  # the late tail has the body paths beyond it
COLDEST_M_S = 331.0  # speed of sound of the shortest wavelength, for which bodies are sampled
# Sound that goes from body to furniture and back is part of the tail here, not computed: in a
# wave-simulated furnished room the tail is 2 to 5 dB above a bare shoebox's
# (export/studies/results/levels.md). Beyond the upper limit a body would change more of the
# reverberation than there is.
TAIL_MEAN_DB, TAIL_SPREAD_DB, TAIL_LIMITS_DB = 3.0, 4.0, (-6.0, 9.0)
LONGEST_DECAY_S = 0.35
PEAK_DBFS = (-24.0, -9.0)  # of the microphones in the empty room
# The device learns the empty room over 15 s and more: each of the simulated periods stands for the
# mean of this many.
EMPTY_AVERAGE = 16
# A sensor that is not fresh has recorded its empty room while the air warmed and cooled by so much
# (least, most), in so many such means: an hour or two of two seconds a minute, with five periods
# used of each.
SWING_C, SWING_PERIODS = (0.1, 0.6), 25


class SceneSound:
    """A scene's room, air and electronics, and the front end behind them. rate_hz: of it.
    delay_samples: from playback to capture, as the device has measured it.
    """

    def __init__(self, scene: Scene, rng: Rng) -> None:
        """rng: electronics and tail."""
        rig, x = scene.rig, scene.rig.excitation
        self.scene = scene
        self.signal = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
        self.grid = PeriodGrid(x.sample_rate_hz, x.period_samples, x.band_hz)
        level_db = float(np.clip(rng.normal(TAIL_MEAN_DB, TAIL_SPREAD_DB), *TAIL_LIMITS_DB))
        self.tail = LateTail(scene.room, rng, after_order=WALL_ORDER, level_db=level_db)
        self.room = RoomSound(
            scene.room,
            rig.true,
            self.grid,
            self.tail,
            wall_order=WALL_ORDER,
            temperature_c=rig.temperature_c,
            longest_decay_s=LONGEST_DECAY_S,
            directivity=rig.directivity,
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
        self.delay_samples = self.electronics.delay_samples + rng.normal(0.0, 0.02)

    def reflectors(self, moment: Moment, rngs: Sequence[Rng]) -> list[Reflector]:
        """The bodies of a moment's people. rngs: folds of each one's clothes."""
        return [
            Reflector(
                roughen(self._sampler.surface(p.vertices), p.roughness_m, rng),
                p.echo_gain,
                p.joints,
            )
            for p, rng in zip(moment.people, rngs, strict=True)
        ]

    def bodies(self, moment: Moment, reflectors: Sequence[Reflector], rng: Rng) -> ComplexArray:
        """Spectra (S, M, F) of what the people of a moment change in the room, together. rng: paths
        from body to body.
        """
        temperature_c = self.scene.rig.temperature_c + moment.warmth_c
        return self.room.bodies(reflectors, temperature_c, rng)

    def changes(self, people: Sequence[ScenePerson]) -> RoomChanges:
        """What may change in this room, at places where these people are not."""
        scene, true = self.scene, self.scene.rig.true
        return RoomChanges(
            scene.room,
            true.camera,
            np.concatenate([true.speakers, true.mics]),
            np.concatenate([p.joints[:15] for p in people]),
            sampler=self._sampler,
            split=scene.split,
            spacing_m=self.grid.patch_spacing_m(COLDEST_M_S),
        )

    def random_changes(self, count: int, rng: Rng) -> Float32Array:
        """Clean responses (C, P, T) of what random changes add to the room."""
        draw, temperature_c = self.changes(self.scene.people), self.scene.rig.temperature_c
        changes = [draw.draw(rng) for _ in range(count)]
        return np.stack([self.respond(c.response(self.room, temperature_c)) for c in changes])

    def respond(self, added: ComplexArray) -> Float32Array:
        """Response (P, T) without noise of what is added to the empty room, spectra (S, M, F)."""
        empty = self.empty(0.0)
        with_it, without = (
            self._responses(self.recorder(0.0, np.random.default_rng(0)).period(spectrum))
            for spectrum in (empty + added, empty)
        )
        return np.asarray((with_it - without).real, np.float32)

    def noise_rms(self, moment: Moment, bodies: ComplexArray, sir_db: float) -> float:
        """Noise [full scales] at which the echo of everybody of a moment is sir_db above it, near
        the first arrivals of each.
        """
        first = np.array([self._first_s(p) for p in moment.people])
        return self.electronics.gain * noise_for_sir(self.signal, bodies[0], first, sir_db)

    def levels_db(
        self, moment: Moment, reflectors: Sequence[Reflector], noise_rms: float
    ) -> list[tuple[float, float]]:
        """Of each person the direct echo's level over the noise, and how much weaker the others
        make it [dB]. At the first microphone.
        """
        out = []
        for person, (own, alone) in zip(
            moment.people, self.room.direct_echoes(reflectors), strict=True
        ):
            level, free = (
                self.electronics.gain * noise_for_sir(self.signal, echo, self._first_s(person), 0.0)
                for echo in (own, alone)
            )
            floor = 1e-6 * free
            out.append(
                (
                    20.0 * float(np.log10(max(level, floor) / noise_rms)),
                    20.0 * float(np.log10(max(level, floor) / free)),
                )
            )
        return out

    def learn_empty(self, noise_rms: float, rng: Rng) -> Float32Array:
        """Let the background learn the empty room; returns its response (P, T)."""
        recorder = self.recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        spectrum = self.empty(0.0)
        periods = [self._responses(recorder.period(spectrum, k)) for k in range(FIRST_PERIODS)]
        for k, responses in enumerate(periods):
            self.background.step(responses, k * 10**8, ())
        return np.asarray(np.mean(periods, axis=0).real, np.float32)

    def learn_drift(self, noise_rms: float, rng: Rng) -> None:
        """Let the background record the empty room over hours; after `learn_empty`."""
        recorder = self.recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        swing_c = np.exp(rng.uniform(*np.log(SWING_C))) * rng.choice([-1.0, 1.0])
        for k, phase in enumerate(np.linspace(0.0, 2.0 * np.pi, SWING_PERIODS)):
            raw = recorder.period(self.empty(float(swing_c * np.sin(phase))), k)
            self.background.remember(self._responses(raw))

    def kernels(
        self,
        moment: Moment,
        bodies: ComplexArray,
        keypoints: Sequence[Keypoints],
        noise_rms: float,
        t_ns: int,
        rng: Rng,
    ) -> tuple[Float32Array, Float32Array] | None:
        """Pose kernels (P, T) of a moment's people with and without noise; None where the
        background rejects the period as a fault.

        t_ns: on any steady clock; the empty room was learned in its first second.
        """
        response = self.empty(moment.warmth_c) + bodies
        measured, config = self.scene.rig.measured, LifterConfig()
        people = [Occupant(first_arrival_s(k, measured, config)) for k in keypoints]
        same_jitter = copy.deepcopy(rng)
        quiet = self._responses(self.recorder(0.0, same_jitter).period(response))
        noisy = self._responses(self.recorder(noise_rms, rng).period(response))
        kernels = self.background.step(noisy, t_ns, people or [Occupant(None)])
        if kernels is None:
            return None
        clean = kernels - noisy + quiet
        return np.asarray(kernels.real, np.float32), np.asarray(clean.real, np.float32)

    def _first_s(self, person: ScenePerson) -> float:
        return float(self.scene.rig.true.arrival_s(person.joints).min())

    def empty(self, warmth_c: float) -> ComplexArray:
        """Spectra (S, M, F) of the empty room in air that is so much warmer [deg C]."""
        return self.room.empty(self.scene.rig.temperature_c + warmth_c)

    def recorder(self, noise_rms: float, rng: Rng) -> Recorder:
        """What records a response, amid noise of so many full scales."""
        return Recorder(
            self.signal, self.scene.rig.layout, replace(self.electronics, noise_rms=noise_rms), rng
        )

    def _responses(self, raw: npt.NDArray[np.int16]) -> ComplexArray:
        """Raw channels (N, C) of one period -> analytic responses (P, T), as on the device."""
        return self._deconvolve(*self.scene.rig.layout.split(raw), self.delay_samples)

    def _draw_electronics(self, rng: Rng) -> Electronics:
        true = self.scene.rig.true
        ripple_db = rng.uniform(0.5, 4.0), rng.uniform(0.2, 1.2)
        speakers, mics = random_transducers(
            rng, self.grid.frequencies_hz, len(true.speakers), len(true.mics), ripple_db
        )
        electronics = Electronics(
            speaker_response=speakers,
            mic_response=mics,
            delay_samples=float(rng.uniform(-0.5, 0.5)),
            air_jitter_s=float(rng.uniform(0.0, 0.5e-6)),
            third_harmonic=float(10.0 ** (rng.uniform(-60.0, -40.0) / 20.0)),
            skew_ppm=float(rng.normal(0.0, 0.3)),
        )
        peak = peak_level(self.signal, self.scene.rig.layout, electronics, self.empty(0.0))
        return replace(electronics, gain=float(10.0 ** (rng.uniform(*PEAK_DBFS) / 20.0) / peak))


@lru_cache(maxsize=4)
def body_sampler(spacing_m: float) -> MeshSampler:
    """Patches for every body of the bank: those of its tallest, so that no body's are coarser."""
    bank = load_bank()
    tallest = make_body({int(bank.height_m.argmax()): 1.0}, 2.0)
    posed = pose_body(tallest, upright(tallest))
    return MeshSampler(
        posed.vertices.astype(np.float64),
        posed.faces.astype(np.int64),
        spacing_m,
        np.random.default_rng(0),
    )
