"""Dataset folders in memory, and training samples of them, as recorded or augmented."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, Rng, load_array
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Rig, seen_rays
from edge.lifting.mirror import FLIP, MIRROR, mirrored, mirrored_rig
from edge.lifting.other_people import ALONE, Echoes, echoes_of
from edge.lifting.person_view import LEAST_SEEN
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from edge.sources.session.dataset import Environment, require_environments
from export.train.augmentation import (
    Augmentation,
    band_noise,
    company,
    detect,
    drop_pairs,
    mounting,
    part_of_band,
    scaled_rig,
    thought_echoes,
)

WINDOW_S = 0.04
RECORDED_ERROR = 0.03  # 1-sigma of the others' log distance, where nothing looks at them first
NEAR_M = 0.7  # interference is measured against the echo within this half path of the mid-hip


@dataclass(frozen=True, eq=False)
class Observed:
    """2D joints, as `make_view` needs them. rays: (..., 15, 3) at z = 1. seen: (..., 15). down:
    (..., 3), gravity. height_m: (...,) of the camera, NaN where unknown.
    """

    rays: Array
    seen: BoolArray
    down: Array
    height_m: Array


@dataclass(frozen=True, eq=False)
class SampleSound:
    """One training sample. joints: (15, 3) camera frame [m]. kernels: None without sound.
    true_sound: the kernels are of this body. others: echoes of the other people in view.
    """

    joints: Array
    observed: Observed
    kernels: Kernels | None
    rig: Rig
    true_sound: bool
    others: Echoes = ALONE

    def mirrored(self) -> "SampleSound":
        """The mirror image."""
        o = self.observed
        observed = Observed(mirrored(o.rays), o.seen[MIRROR], o.down * FLIP, o.height_m)
        return replace(
            self, joints=mirrored(self.joints), observed=observed, rig=mirrored_rig(self.rig)
        )


@dataclass(frozen=True, eq=False)
class StoredSample:
    """One person of a sample in memory. room: number of its environment. joints: (15, 3). others:
    those of the other people in the sample. clean: kernels (P, T) of all of them without
    interference. interference: (P, T) of the recording, None where unknown.
    """

    name: str
    room: int
    joints: Array
    others: tuple[Array, ...]
    rays: Array
    seen: BoolArray
    clean: ComplexArray
    interference: ComplexArray | None
    rig: Rig
    sample_rate_hz: float
    band_hz: tuple[float, float]


class SoundSet:
    """All samples of some dataset folders."""

    def __init__(
        self,
        paths: Sequence[Path],
        progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
    ) -> None:
        """Raises ConfigError without a dataset, SessionError where no sample can be used."""
        environments = [e for path in paths for e in require_environments(path)]
        total = sum(len(e.names) for e in environments)
        self.samples: list[StoredSample] = []
        self.rooms: list[list[int]] = [[] for _ in environments]
        self.changes = [changes(e) for e in environments]
        stored = (s for room, e in enumerate(environments) for s in _stored(e, room))
        for people in progress(stored, total):
            for person in people:
                if np.isfinite(person.joints).all() and person.seen.sum() >= LEAST_SEEN:
                    self.rooms[person.room].append(len(self.samples))
                    self.samples.append(person)
        if not self.samples:
            where = ", ".join(str(p) for p in paths)
            raise SessionError(
                f"{where}: no sample with all of the first 15 joints; `posekernel-export "
                "simulate` makes some"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def recorded(self, index: int) -> SampleSound:
        """A sample as it is in the dataset."""
        s = self.samples[index]
        kernels = s.clean if s.interference is None else s.clean + s.interference
        others = echoes_of(s.others, [RECORDED_ERROR] * len(s.others), s.rig)
        heard = make_kernels(kernels, s.sample_rate_hz, s.band_hz)
        return SampleSound(s.joints, _observed(s), heard, s.rig, True, others)

    def augmented(self, index: int, a: Augmentation, rng: Rng) -> SampleSound:
        """A sample with new noise, 2D joints and pairs, and in half of the cases mirrored."""
        s = self.samples[index]
        joints, rays, seen, rig = s.joints, s.rays, s.seen, s.rig
        company, others = self._company(index, a, rng)
        if rng.random() < 0.5:
            joints, others = mirrored(joints), [mirrored(j) for j in others]
            rays = mirrored(rays)
            seen = seen[MIRROR]
            rig = mirrored_rig(rig)
        if rng.random() >= a.detector:
            rays, more = detect(joints, a, rng)
            seen = seen & more if (seen & more).sum() >= LEAST_SEEN else seen
        observed = Observed(rays, seen, *mounting(rig.camera, a, rng))
        kind = rng.random()
        if kind < a.silent:
            return SampleSound(joints, observed, None, rig, False)
        scale = float(np.exp(rng.normal(0.0, a.world_scale)))
        joints, rig = joints * scale, scaled_rig(rig, scale)
        observed = replace(observed, height_m=observed.height_m * scale)
        other = self.samples[int(rng.integers(len(self.samples)))]
        # Foreign sound is of the others in the room only, or else of another room.
        only_others = kind < a.silent + a.foreign and bool(company) and not s.others
        foreign = only_others or (kind < a.silent + a.foreign and _alike(s, other))
        drowned = a.silent + a.foreign <= kind < a.silent + a.foreign + a.drowned
        noise = self._interference(s, other, rng)
        sir_db = a.clear_sir_db if rng.random() < a.clear else rng.uniform(*a.sir_db)
        if drowned:
            analytic = noise
        else:
            analytic = other.clean if foreign and not only_others else s.clean
            # Against one person's echo, however loud the others are.
            near = _near(joints, rig, s)
            gain = _rms(analytic, near) / max(_rms(noise, near), 1e-30) * 10.0 ** (-sir_db / 20.0)
            analytic = np.float32(gain) * noise + (0.0 if only_others else 1.0) * analytic
            for c in company:
                analytic = analytic + c.clean
            moved = self.changes[s.room]
            if len(moved) and rng.random() < a.changed:
                analytic = analytic + moved[int(rng.integers(len(moved)))]
        analytic = analytic * (
            10.0 ** (rng.normal(0.0, a.pair_gain_db, (len(analytic), 1)) / 20.0)
        ).astype(np.float32)
        analytic, rig = drop_pairs(analytic, rig, a, rng)
        band = part_of_band(s.band_hz, a, rng)
        if band != s.band_hz:
            analytic = analytic_signal(analytic.real, s.sample_rate_hz, band)
        rig = replace(
            rig,
            speed_of_sound_m_s=rig.speed_of_sound_m_s
            * (1.0 + rng.normal(0.0, a.sound_speed_error)),
        )
        kernels = make_kernels(analytic, s.sample_rate_hz, band)
        echoes = thought_echoes([j * scale for j in others], rig, a, rng)
        return SampleSound(joints, observed, kernels, rig, not (foreign or drowned), echoes)

    def _company(
        self, index: int, a: Augmentation, rng: Rng
    ) -> tuple[list[StoredSample], list[Array]]:
        """Samples of the same room to be heard together with this one, and the joints of all other
        people who then are.
        """
        s = self.samples[index]
        chosen: list[StoredSample] = []
        others = list(s.others)
        wanted = company(a, rng)
        for k in rng.permutation(self.rooms[s.room]):
            other = self.samples[k]
            people = [other.joints, *other.others]
            if len(others) + len(people) > wanted or not _alike(s, other):
                continue
            if min(_apart_m(x, y) for x in (s.joints, *others) for y in people) >= a.apart_m:
                chosen.append(other)
                others += people
        return chosen, others

    def _interference(self, s: StoredSample, other: StoredSample, rng: Rng) -> ComplexArray:
        """White noise in the band mixed with a recording's interference, in random proportion."""
        p, t = s.clean.shape
        white = band_noise(s.sample_rate_hz, s.band_hz)
        starts = rng.integers(len(white) - t, size=p)
        noise = np.stack([white[k : k + t] for k in starts])
        source = other if other.interference is not None and _alike(s, other) else s
        if source.interference is None:
            return noise
        share = rng.random()
        left = source.interference
        return (share * left / max(_rms(left), 1e-30) + (1.0 - share) * noise / _rms(noise)).astype(
            np.complex64
        )


def folders(data: Path, split: str) -> list[Path]:
    """Datasets of a split in DATA: SPLIT and SPLIT-NAME, which have other rigs or conditions."""
    return sorted(
        p for p in data.glob(f"{split}*") if p.name == split or p.name.startswith(f"{split}-")
    ) or [data / split]


def changes(environment: Environment) -> ComplexArray:
    """Kernels (C, P, T) of what may be moved in this room, from its rir_changes.npy; C is 0 where
    there is none.
    """
    rate, band = environment.sample_rate_hz, environment.band_hz
    path, down = environment.path / "rir_changes.npy", int(WINDOW_S * rate)
    if not path.is_file():
        return np.zeros((0, 1, 1), np.complex64)
    return np.stack([analytic_signal(rir, rate, band)[:, :down] for rir in load_array(path)])


def _stored(environment: Environment, room: int) -> Iterable[list[StoredSample]]:
    rate, band = environment.sample_rate_hz, environment.band_hz
    down = int(WINDOW_S * rate)
    for sample in environment:
        noisy = analytic_signal(sample.rir, rate, band)[:, :down]
        clean = (
            noisy if sample.clean is None else analytic_signal(sample.clean, rate, band)[:, :down]
        )
        interference = None if sample.clean is None else noisy - clean
        joints = [j[:N_JOINTS] for j in sample.joints]
        people = []
        for k, keypoints in enumerate(sample.keypoints):
            rays, seen = seen_rays(keypoints.pixels[:N_JOINTS], environment.rig.camera)
            person = StoredSample(
                name=f"{environment.path.name}/{sample.name}",
                room=room,
                joints=joints[k],
                others=tuple(j for i, j in enumerate(joints) if i != k),
                rays=rays,
                seen=seen,
                clean=clean,
                interference=interference,
                rig=environment.rig,
                sample_rate_hz=rate,
                band_hz=band,
            )
            people.append(person)
        yield people


def _observed(s: StoredSample) -> Observed:
    camera = s.rig.camera
    height = np.nan if camera.height_m is None else camera.height_m
    return Observed(s.rays, s.seen, -camera.room_rotation[2], np.array(height))


def _alike(a: StoredSample, b: StoredSample) -> bool:
    """Whether b's kernels fit a's rig."""
    return (
        a.clean.shape == b.clean.shape
        and a.sample_rate_hz == b.sample_rate_hz
        and a.band_hz == b.band_hz
    )


def _apart_m(a: Array, b: Array) -> float:
    """Distance of two people's mid-hips."""
    return float(np.linalg.norm(a[MID_HIP] - b[MID_HIP]))


def _near(joints: Array, rig: Rig, s: StoredSample) -> slice:
    """Samples around the mid-hip's mean time of arrival."""
    arrival = float(rig.arrival_s(joints[MID_HIP]).mean())
    half = 2.0 * NEAR_M / rig.speed_of_sound_m_s
    return slice(
        max(0, int((arrival - half) * s.sample_rate_hz)),
        int((arrival + half) * s.sample_rate_hz) + 1,
    )


def _rms(kernels: ComplexArray, window: slice = slice(None)) -> float:
    part = kernels[:, window].view(np.float32)
    return float(np.sqrt(np.mean(part * part))) if part.size else 0.0
