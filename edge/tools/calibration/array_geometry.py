"""Order of the channels and places of the microphones, from the distances that the direct sound
went.

What can be known: with one loudspeaker place and no loopback only *differences* of distance are
observable; with a loopback the delay of the electronics is still common to all microphones. So that
constant is estimated together with everything that a tape measure leaves open (places of
loudspeaker and array, the array's attitude, the air's temperature, each microphone's own delay),
each with its usual error. What these errors cannot explain is a fault. A fault that they could
explain is invisible in these places of the loudspeaker: `Geometry` says so and where to put it
next.
"""

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from edge.core.arrays import Array
from edge.core.rig import Rig

# Usual errors, 1 sigma, of what was measured with a tape or stands in a data sheet.
SPEAKER_M = 0.006
ARRAY_M = 0.004
ATTITUDE_RAD = np.radians(1.2)
MIC_M = 0.0007
MIC_DELAY_M = 0.0015  # phase responses of microphones of one kind differ, as a distance
SPEED_SHARE = 0.008
ARRIVAL_M = 0.0007
UNKNOWN_M = 3.0

FAULT_M = 0.01  # what must not hide
LIKELY_M = 0.03  # 1 sigma of a wrong place
_EVIDENCE = 26.0  # of a fault over none, in units of chi square
_VISIBLE = 50.0  # chi square that a fault must add to be called visible
_ALL_ORDERS = 7  # up to so many microphones every order is tried
_SITES = 24  # places around the array that the next one is chosen from
_SITE_M = 0.6


@dataclass(frozen=True, eq=False)
class Geometry:
    """order: order[i] is the microphone of the profile that channel i really is.

    off: the microphone whose place is wrong, -1: the whole array (its spacing), None: none. off_m:
    by how much [m].

    measured_m, profile_m: (K, M) distances, by microphone of the profile. constant_m: the common
    delay as a distance. deviation_mm: (M,) mean of measured less profile, what the usual errors
    explain taken out. order_visible, place_visible: would a swap, or a place wrong by FAULT_M, have
    been seen?

    next_sites_m: (S, 3) where the loudspeaker should go to see it, best first.
    """

    order: tuple[int, ...]
    off: int | None
    off_m: float
    measured_m: Array
    profile_m: Array
    constant_m: float
    constant_sigma_m: float
    deviation_mm: Array
    chi2: float
    freedom: int
    order_visible: bool
    place_visible: bool
    next_sites_m: Array | None

    @property
    def in_order(self) -> bool:
        """Every channel is the microphone that the profile says."""
        return self.order == tuple(range(len(self.order)))


class _Model:
    """Linear model of what the usual errors do to the distances (K * M,) from speakers (K, 3) to
    microphones (M, 3).
    """

    def __init__(self, speakers: Array, mics: Array, one_constant: bool) -> None:
        count, many = len(speakers), len(mics)
        self.shape = (count, many)
        away = mics[None] - speakers[:, None]
        self.distance = np.linalg.norm(away, axis=2)
        unit = away / self.distance[..., None]
        columns: list[Array] = []

        def add(effect: Array, sigma: float) -> None:
            columns.append(sigma * effect.reshape(count * many))

        for k in range(count):
            row = np.zeros((count, 1))
            row[k] = 1.0
            for axis in range(3):
                add(-unit[..., axis] * row, SPEAKER_M)
            if not one_constant:
                add(row * np.ones(many), UNKNOWN_M)
        if one_constant:
            add(np.ones(self.shape), UNKNOWN_M)
        centre = mics.mean(axis=0)
        for axis in range(3):
            add(unit[..., axis], ARRAY_M)
            turned = np.cross(np.eye(3)[axis], mics - centre)
            add(np.sum(unit * turned[None], axis=2), ATTITUDE_RAD)
        add(self.distance, SPEED_SHARE)
        for m in range(many):
            own = np.zeros((1, many))
            own[0, m] = 1.0
            add(own * np.ones((count, 1)), MIC_DELAY_M)
            for axis in range(3):
                add(unit[..., axis] * own, MIC_M)
        self.effects = np.stack(columns, axis=1)
        self.covariance = self.effects @ self.effects.T + ARRIVAL_M**2 * np.eye(count * many)
        self.inverse = np.linalg.inv(self.covariance)
        self._unit = unit
        self._centre, self._mics = centre, mics

    def moved(self, mic: int) -> Array:
        """Effect (K * M, 3) of one microphone's displacement along each axis."""
        effect = np.zeros((*self.shape, 3))
        effect[:, mic] = self._unit[:, mic]
        return effect.reshape(-1, 3)

    def spread(self) -> Array:
        """Effect (K * M, 1) of an array that is larger by one metre of radius."""
        out = self._mics - self._centre
        out = out / max(float(np.linalg.norm(out, axis=1).mean()), 1e-6)
        return np.asarray(np.sum(self._unit * out[None], axis=2).reshape(-1, 1))

    def gain(self, residual: Array, effect: Array) -> tuple[float, Array]:
        """By how much chi square falls when a free amount of this effect (K * M, D) is allowed, and
        the likely amount (D,).
        """
        weighted = effect.T @ self.inverse
        information = weighted @ effect
        known = weighted @ residual
        free = np.linalg.pinv(information, rcond=1e-6, hermitian=True) @ known
        # Of the amount only what is known: across the array's plane distances hardly change.
        amount = np.linalg.solve(information + np.eye(len(known)) / LIKELY_M**2, known)
        return float(free @ known), np.asarray(amount)

    def least_visible(self, effect: Array, plane: Array) -> float:
        """Smallest chi square that FAULT_M of this effect adds over all directions in the plane (3,
        2).
        """
        effect = effect @ plane if effect.shape[1] == 3 else effect
        return float(np.linalg.eigvalsh(effect.T @ self.inverse @ effect).min() * FAULT_M**2)


def check_geometry(arrivals_s: Array, rig: Rig, speakers: Array, known_emission: bool) -> Geometry:
    """arrivals_s: (K, M) of the direct sound. speakers: (K, 3) their places as measured, camera
    frame.

    known_emission: arrivals count from the loopback, so that one constant holds for all places.
    """
    mics = rig.mics
    measured = arrivals_s * rig.speed_of_sound_m_s
    model = _Model(speakers, mics, known_emission)
    orders = _orders(len(mics))
    residuals = np.stack(
        [_reordered(measured, o).reshape(-1) for o in orders]
    ) - model.distance.reshape(-1)
    chi2 = np.einsum("oi,ij,oj->o", residuals, model.inverse, residuals)
    best = int(np.argmin(chi2))
    if chi2[0] - chi2[best] < _EVIDENCE:
        best = 0
    residual = residuals[best]
    off, off_m = _wrong_place(model, residual)
    constant, sigma, explained = _constant(model, residual, known_emission)
    by_order, by_place = _visibility(model, mics)
    seen = by_order > _VISIBLE and by_place > _VISIBLE
    return Geometry(
        order=tuple(int(o) for o in np.argsort(orders[best])),
        off=off,
        off_m=off_m,
        measured_m=model.distance + residual.reshape(model.shape) - constant[:, None],
        profile_m=model.distance,
        constant_m=float(constant.mean()),
        constant_sigma_m=sigma,
        deviation_mm=1e3 * (residual - explained).reshape(model.shape).mean(axis=0),
        chi2=float(chi2[best]),
        freedom=max(1, residual.size - (1 if known_emission else len(speakers))),
        order_visible=by_order > _VISIBLE,
        place_visible=by_place > _VISIBLE,
        next_sites_m=None if seen else _next_sites(speakers, mics, known_emission),
    )


def _orders(count: int) -> list[tuple[int, ...]]:
    """Orders to try, the profile's first: all of a few microphones, else swaps of two and shifts of
    all.
    """
    if count <= _ALL_ORDERS:
        return list(permutations(range(count)))
    same = tuple(range(count))
    orders = [same, *(tuple(np.roll(same, s)) for s in range(1, count))]
    for i, j in combinations(range(count), 2):
        swapped = list(same)
        swapped[i], swapped[j] = j, i
        orders.append(tuple(swapped))
    return orders


def _reordered(measured: Array, order: tuple[int, ...]) -> Array:
    """Column i is what the channel order[i] heard."""
    return np.asarray(measured[:, list(order)])


def _wrong_place(model: _Model, residual: Array) -> tuple[int | None, float]:
    gains = [model.gain(residual, model.moved(m)) for m in range(model.shape[1])]
    best = int(np.argmax([g for g, _ in gains]))
    wide, amount = model.gain(residual, model.spread())
    if max(gains[best][0], wide) < _EVIDENCE:
        return None, 0.0
    # Three free numbers explain more than one.
    if wide > gains[best][0] - 8.0:
        return -1, float(abs(amount[0]))
    return best, float(np.linalg.norm(gains[best][1]))


def _constant(model: _Model, residual: Array, known_emission: bool) -> tuple[Array, float, Array]:
    """The constant of each place (K,) [m] and its sigma, and what all usual errors explain (K *
    M,).
    """
    amounts = model.effects.T @ (model.inverse @ residual)
    column = np.argmax(np.abs(model.effects).sum(axis=0)) if known_emission else None
    explained = model.effects @ amounts
    if column is None:
        return residual.reshape(model.shape).mean(axis=1), float("inf"), explained
    effect = model.effects[:, column]
    variance = UNKNOWN_M**2 * (1.0 - float(effect @ model.inverse @ effect))
    return (
        np.full(model.shape[0], UNKNOWN_M * amounts[column]),
        float(np.sqrt(max(variance, 0.0))),
        explained,
    )


def _visibility(model: _Model, mics: Array) -> tuple[float, float]:
    """Smallest chi square that any swap of two adds, and that any place wrong by FAULT_M adds."""
    plane = _plane(mics)
    swaps = []
    for i, j in combinations(range(len(mics)), 2):
        swapped = model.distance.copy()
        swapped[:, [i, j]] = swapped[:, [j, i]]
        change = (swapped - model.distance).reshape(-1)
        swaps.append(float(change @ model.inverse @ change))
    places = [model.least_visible(model.moved(m), plane) for m in range(len(mics))]
    return min(swaps, default=np.inf), min(places)


def _plane(mics: Array) -> Array:
    """Two directions (3, 2) that the microphones spread over most."""
    return np.asarray(np.linalg.svd(mics - mics.mean(axis=0))[2][:2].T)


def _next_sites(speakers: Array, mics: Array, known_emission: bool) -> Array:
    """Places (S, 3) around the array, in its plane; first what shows most together with what was
    measured.
    """
    plane, centre = _plane(mics), mics.mean(axis=0)
    angles = 2.0 * np.pi * np.arange(_SITES) / _SITES
    sites = centre + _SITE_M * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane.T
    values = []
    for site in sites:
        order, place = _visibility(_Model(np.vstack([speakers, site]), mics, known_emission), mics)
        values.append(min(order, place))
    return np.asarray(sites[np.argsort(values)[::-1]])
