"""Samples of dataset folders, as recorded or augmented."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.core.arrays import Array, BoolArray, ComplexArray, Rng
from edge.core.errors import SessionError
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.rig import Rig
from edge.lifting.mirror import FLIP, MIRROR, mirrored, mirrored_rig
from edge.lifting.other_people import ALONE, Echoes, echoes_of
from edge.lifting.person_view import LEAST_SEEN, UNKNOWN_BODY
from edge.sound.pose_kernel import Kernels, analytic_signal, make_kernels
from edge.sources.session.dataset import require_environments
from export.simulate.people import ViewedPeople
from export.train.samples.augmentation import (
    Augmentation,
    band_noise,
    company,
    detect,
    drop_pairs,
    known_body,
    mounting,
    part_of_band,
    played,
    scaled_rig,
    thought_echoes,
    told_noise,
)
from export.train.samples.stored_samples import StoredSample, changes, stored_people

RECORDED_ERROR = 0.03  # 1-sigma of the others' log distance, where nothing looks at them first
NEAR_M = 0.7  # interference is measured against the echo within this half path of the mid-hip


@dataclass(frozen=True, eq=False)
class Observed:
    """2D joints, as `make_view` needs them. rays: (..., 15, 3) at z = 1. seen: (..., 15). down:
    (..., 3), gravity. height_m: (...,) of the camera, NaN where unknown. body: (..., 2), its size
    as `BodySize`, NaN where unknown.
    """

    rays: Array
    seen: BoolArray
    down: Array
    height_m: Array
    body: Array = field(default_factory=lambda: UNKNOWN_BODY)


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
        observed = replace(o, rays=mirrored(o.rays), seen=o.seen[MIRROR], down=o.down * FLIP)
        return replace(
            self, joints=mirrored(self.joints), observed=observed, rig=mirrored_rig(self.rig)
        )


class SoundSet:
    """All samples of some dataset folders."""

    def __init__(
        self,
        paths: Sequence[Path],
        progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
        imagined: ViewedPeople | None = None,
    ) -> None:
        """imagined: people for a share of the augmented samples without a body's sound. Raises
        ConfigError without a dataset, SessionError where no sample can be used.
        """
        environments = [e for path in paths for e in require_environments(path)]
        total = sum(len(e.names) for e in environments)
        self.imagined = imagined
        self.samples: list[StoredSample] = []
        self.rooms: list[list[int]] = [[] for _ in environments]
        self.changes = [changes(e) for e in environments]
        stored = (s for room, e in enumerate(environments) for s in stored_people(e, room))
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
        kind = rng.random()
        silent = kind < a.silent
        drowned = a.silent + a.foreign <= kind < a.silent + a.foreign + a.drowned
        joints, rig, company = s.joints, s.rig, list[StoredSample]()
        others = list[Array]()
        if (silent or drowned) and self.imagined is not None and rng.random() < a.imagined:
            joints, observed = self._imagine(a, rng)
        else:
            company, others = self._company(index, a, rng)
            rays, seen = s.rays, s.seen
            if rng.random() < 0.5:
                joints, others = mirrored(joints), [mirrored(j) for j in others]
                rays, seen, rig = mirrored(rays), seen[MIRROR], mirrored_rig(rig)
            if rng.random() >= a.detector:
                rays, more = detect(joints, a, rng)
                seen = seen & more if (seen & more).sum() >= LEAST_SEEN else seen
            c = rig.camera
            observed = Observed(rays, seen, *mounting(c.height_m, c.tilt_deg, c.roll_deg, a, rng))
        if not silent:
            scale = float(np.exp(rng.normal(0.0, a.world_scale)))
            joints, rig = joints * scale, scaled_rig(rig, scale)
            others = [j * scale for j in others]
            observed = replace(observed, height_m=observed.height_m * scale)
        observed = replace(observed, body=known_body(joints, a, rng))
        if silent:
            return SampleSound(joints, observed, None, rig, False)
        other = self.samples[int(rng.integers(len(self.samples)))]
        # Foreign sound is of the others in the room only, or else of another room.
        foreign = a.silent <= kind < a.silent + a.foreign
        only_others = foreign and bool(company) and not s.others
        foreign = only_others or (foreign and _alike(s, other))
        noise, left = self._interference(s, other, rng)
        echo = np.zeros_like(s.clean)
        if not drowned:
            own = other.clean if foreign and not only_others else s.clean
            # Against one person's echo, however loud the others are.
            near = _near(joints, rig, s)
            range_db = a.wide_sir_db if rng.random() < a.wide else a.sir_db
            level = _rms(own, near) / max(_rms(noise + left, near), 1e-30)
            gain = np.float32(level * 10.0 ** (-rng.uniform(*range_db) / 20.0))
            noise, left = gain * noise, gain * left
            echo = sum((c.clean for c in company), echo if only_others else own)
            moved = self.changes[s.room]
            if len(moved) and rng.random() < a.changed:
                echo = echo + moved[int(rng.integers(len(moved)))]
        heard, noise = played(echo + left, noise, s.sample_rate_hz, s.band_hz, a, rng)
        pair_db = rng.normal(0.0, a.pair_gain_db, (len(noise), 1))
        both = np.stack([heard + noise, noise]) * (10.0 ** (pair_db / 20.0)).astype(np.float32)
        both, rig = drop_pairs(both, rig, a, rng)
        band = part_of_band(s.band_hz, a, rng)
        if band != s.band_hz:
            both = np.stack([analytic_signal(x.real, s.sample_rate_hz, band) for x in both])
        error = 1.0 + rng.normal(0.0, a.sound_speed_error)
        rig = replace(rig, speed_of_sound_m_s=rig.speed_of_sound_m_s * error)
        kernels = make_kernels(both[0], s.sample_rate_hz, band, told_noise(both[1], a, rng))
        echoes = thought_echoes(others, rig, a, rng)
        return SampleSound(joints, observed, kernels, rig, not (foreign or drowned), echoes)

    def _imagine(self, a: Augmentation, rng: Rng) -> tuple[Array, Observed]:
        """Somebody of the image's training: their joints (15, 3) and what is seen of them."""
        assert self.imagined is not None
        one = self.imagined.pick(rng.integers(len(self.imagined.joints), size=1))
        mounted = mounting(
            float(one.camera_height_m[0]), float(one.tilt_deg[0]), float(one.roll_deg[0]), a, rng
        )
        seen = one.seen[0, :N_JOINTS]
        rays = np.where(seen[:, None], one.rays[0, :N_JOINTS], [0.0, 0.0, 1.0])
        return one.joints[0, :N_JOINTS], Observed(rays, seen, *mounted)

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

    def _interference(
        self, s: StoredSample, other: StoredSample, rng: Rng
    ) -> tuple[ComplexArray, ComplexArray]:
        """White noise in the band, and what is left of the room in a recording, in random
        proportion; each (P, T).
        """
        p, t = s.clean.shape
        white = band_noise(s.sample_rate_hz, s.band_hz)
        starts = rng.integers(len(white) - t, size=p)
        noise = np.stack([white[k : k + t] for k in starts])
        source = other if other.interference is not None and _alike(s, other) else s
        left = source.interference
        if left is None:
            return noise, np.zeros_like(noise)
        share = np.float32(rng.random())
        return (np.float32(1.0) - share) / np.float32(_rms(noise)) * noise, share / np.float32(
            max(_rms(left), 1e-30)
        ) * left


def folders(data: Path, split: str) -> list[Path]:
    """Datasets of a split in DATA: SPLIT and SPLIT-NAME, which have other rigs or conditions."""
    return sorted(
        p for p in data.glob(f"{split}*") if p.name == split or p.name.startswith(f"{split}-")
    ) or [data / split]


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
