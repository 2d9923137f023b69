"""From a scene to samples: sound in the room, its recording, the runtime's front end."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

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
from edge.sources.session.dataset import Sample, write_environment, write_sample
from edge.sources.session.writer import FULL_SCALE
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.surface import Float32Array, MeshSampler, roughen
from export.bodies.body import Split, load_bank, make_body, pose_body
from export.bodies.poses import upright
from export.simulate.changes.random_changes import RoomChanges
from export.simulate.conditions import CONDITIONS, joints_in_view
from export.simulate.electronics import (
    Electronics,
    Recorder,
    noise_for_sir,
    peak_level,
    random_transducers,
)
from export.simulate.room_sound import RoomSound
from export.simulate.scenes import Scene, ScenePerson, make_scene, scene_rng

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
PERSON_EVERY_NS = 10**10
REDRAW_DB, REDRAWS = 6.0, 8


@dataclass(frozen=True)
class EnvironmentPlan:
    """One environment to make: people seen one after the other by one rig in one room.

    clean: also write each sample's response without noise (rir_clean.npy). conditions: one of
    `conditions.CONDITIONS`. Equal plans give equal files.
    """

    split: Split
    seed: int
    index: int
    people: int
    family: str
    clean: bool = False
    conditions: str = "field"

    def rng(self, purpose: int) -> Rng:
        """The generator of one purpose of this environment's scene."""
        return scene_rng(self.split, self.seed, self.index, purpose)


class SceneSound:
    """A scene's room, air and electronics, and the front end behind them. rate_hz: of it."""

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
        self._delay_samples = self.electronics.delay_samples + rng.normal(0.0, 0.02)

    def body(self, person: ScenePerson, rng: Rng) -> ComplexArray:
        """Spectra (S, M, F) of what a person changes in the room. rng: folds of the clothes."""
        return self.room.body(
            roughen(self._sampler.surface(person.vertices), person.roughness_m, rng),
            self.scene.rig.temperature_c + person.warmth_c,
            echo_gain=person.echo_gain,
            anchors=person.joints,
        )

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
        empty = self._empty(0.0)
        with_it, without = (
            self._responses(self._recorder(0.0, np.random.default_rng(0)).period(spectrum))
            for spectrum in (empty + added, empty)
        )
        return np.asarray((with_it - without).real, np.float32)

    def noise_rms(self, person: ScenePerson, body: ComplexArray, sir_db: float) -> float:
        """Noise [full scales] at which this person's echo is sir_db above it."""
        first = float(self.scene.rig.true.arrival_s(person.joints).min())
        return self.electronics.gain * noise_for_sir(self.signal, body[0], first, sir_db)

    def learn_empty(self, noise_rms: float, rng: Rng) -> Float32Array:
        """Let the background learn the empty room; returns its response (P, T)."""
        recorder = self._recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        spectrum = self._empty(0.0)
        periods = [self._responses(recorder.period(spectrum, k)) for k in range(FIRST_PERIODS)]
        for k, responses in enumerate(periods):
            self.background.step(responses, k * 10**8, ())
        return np.asarray(np.mean(periods, axis=0).real, np.float32)

    def learn_drift(self, noise_rms: float, rng: Rng) -> None:
        """Let the background record the empty room over hours; after `learn_empty`."""
        recorder = self._recorder(noise_rms / np.sqrt(EMPTY_AVERAGE), rng)
        swing_c = np.exp(rng.uniform(*np.log(SWING_C))) * rng.choice([-1.0, 1.0])
        for k, phase in enumerate(np.linspace(0.0, 2.0 * np.pi, SWING_PERIODS)):
            raw = recorder.period(self._empty(float(swing_c * np.sin(phase))), k)
            self.background.remember(self._responses(raw))

    def kernels(
        self,
        person: ScenePerson,
        body: ComplexArray,
        keypoints: Keypoints,
        noise_rms: float,
        t_ns: int,
        rng: Rng,
    ) -> tuple[Float32Array, Float32Array] | None:
        """Pose kernels (P, T) of a person with and without noise; None where the background rejects
        the period as a fault.

        t_ns: on any steady clock; the empty room was learned in its first second.
        """
        response = self._empty(person.warmth_c) + body
        first = first_arrival_s(keypoints, self.scene.rig.measured, LifterConfig())
        same_jitter = copy.deepcopy(rng)
        quiet = self._responses(self._recorder(0.0, same_jitter).period(response))
        noisy = self._responses(self._recorder(noise_rms, rng).period(response))
        people = [Occupant(0.0 if first is None else first)]
        kernels = self.background.step(noisy, t_ns, people)
        if kernels is None:
            return None
        clean = kernels - noisy + quiet
        return np.asarray(kernels.real, np.float32), np.asarray(clean.real, np.float32)

    def _empty(self, warmth_c: float) -> ComplexArray:
        return self.room.empty(self.scene.rig.temperature_c + warmth_c)

    def _recorder(self, noise_rms: float, rng: Rng) -> Recorder:
        return Recorder(
            self.signal, self.scene.rig.layout, replace(self.electronics, noise_rms=noise_rms), rng
        )

    def _responses(self, raw: npt.NDArray[np.int16]) -> ComplexArray:
        """Raw channels (N, C) of one period -> analytic responses (P, T), as on the device."""
        layout = self.scene.rig.layout
        channels = raw.T.astype(np.float32) / np.float32(FULL_SCALE)
        reference = None if layout.reference_channel is None else channels[layout.reference_channel]
        return self._deconvolve(channels[list(layout.mic_channels)], reference, self._delay_samples)

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
        peak = peak_level(self.signal, self.scene.rig.layout, electronics, self._empty(0.0))
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


def simulate_environment(plan: EnvironmentPlan, folder: Path) -> int:
    """Write one environment to a folder; returns the number of its samples. Raises ConfigError for
    an unknown family of rigs.
    """
    scene = make_scene(plan.split, plan.seed, plan.index, plan.people, plan.family, plan.conditions)
    sound = SceneSound(scene, plan.rng(1))
    draws = [plan.rng(10 + k) for k in range(len(scene.people))]
    bodies = [sound.body(person, rng) for person, rng in zip(scene.people, draws, strict=True)]
    # The room is learned amid the people's median noise.
    noise = float(
        np.median(
            [
                sound.noise_rms(p, body, p.sir_db)
                for p, body in zip(scene.people, bodies, strict=True)
            ]
        )
    )
    empty = sound.learn_empty(noise, plan.rng(2))
    past = plan.rng(3)
    if past.random() >= CONDITIONS[plan.conditions].fresh:
        sound.learn_drift(noise, past)
    write_environment(
        folder, scene.rig.measured, sound.rate_hz, scene.rig.excitation.band_hz, empty
    )
    written = 0
    for number, (person, body, rng) in enumerate(zip(scene.people, bodies, draws, strict=True)):
        sample = _sample(sound, number, person, body, rng, plan)
        if sample is not None:
            write_sample(folder, sample)
            written += 1
    return written


def _sample(
    sound: SceneSound,
    number: int,
    person: ScenePerson,
    body: ComplexArray,
    rng: Rng,
    plan: EnvironmentPlan,
) -> Sample | None:
    """None where the background rejects the person: the device gives no kernel there."""
    camera = sound.scene.rig.true.camera
    keypoints = CONDITIONS[plan.conditions].keypoints(rng, person.joints, camera)
    sir_db = person.sir_db
    for _ in range(REDRAWS):
        noise_rms = sound.noise_rms(person, body, sir_db)
        kernels = sound.kernels(
            person, body, keypoints, noise_rms, (number + 1) * PERSON_EVERY_NS, rng
        )
        if kernels is not None:
            break
        # The device drops a period that does not look like its room: too much noise, or air that
        # has drifted too far.
        sir_db += REDRAW_DB
        person = replace(person, warmth_c=0.5 * person.warmth_c)
    else:
        return None
    noisy, clean = kernels
    info = _info(sound, person, plan) | {
        "sir_db": round(sir_db, 2),
        "noise_rms": float(np.sqrt(np.mean((noisy - clean) ** 2))),
        "warmth_c": round(person.warmth_c, 3),
        "echo_gain": round(person.echo_gain, 3),
        "roughness_m": round(person.roughness_m, 5),
    }
    return Sample(
        str(number), noisy, person.joints[None], (keypoints,), info, clean if plan.clean else None
    )


def _info(sound: SceneSound, person: ScenePerson, plan: EnvironmentPlan) -> dict[str, Any]:
    """What info.json says of room, rig and person."""
    scene, posed = sound.scene, person.posed
    camera = scene.rig.true.camera
    return {
        "source": "simulated",
        "split": scene.split,
        "conditions": plan.conditions,
        "room": scene.name,
        "room_size_m": np.round(scene.room.size_m, 3).tolist(),
        "t60_s": round(scene.room.reverberation_s, 3),
        "furniture": len(scene.room.furniture),
        "tail_db": round(sound.tail.level_db, 2),
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
    }
