"""Order of the channels and positions of the microphones, from the direct sound's distances.

Without a loopback only *differences* of distance are observable; with one, an unknown delay of the
electronics is still common to all microphones. This constant is estimated by generalised least
squares together with the other usual errors, each with its standard deviation: positions of
loudspeaker and array, the array's orientation, the speed of sound, each microphone's own delay and
position. A deviation that these errors do not explain is a fault. A fault that they could explain
is not visible from the present places of the loudspeaker; `Geometry` says so, and where to put the
loudspeaker next.
"""

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from edge.core.arrays import Array
from edge.core.rig import Rig

# Usual errors (1 sigma) of positions by a tape measure and of data sheets.
SPEAKER_M = 0.006
ARRAY_M = 0.004
ATTITUDE_RAD = np.radians(1.2)
MIC_M = 0.0007
MIC_DELAY_M = 0.0015  # phase responses of microphones of one kind differ, as a distance
SPEED_SHARE = 0.008
ARRIVAL_M = 0.0007
UNKNOWN_M = 3.0

FAULT_M = 0.01  # a displacement that must be found
LIKELY_M = 0.03  # prior 1 sigma of a displaced microphone
_EVIDENCE = 26.0  # decrease of chi square that makes a fault
_VISIBLE = 50.0  # increase of chi square at which a fault counts as visible
_ALL_ORDERS = 7  # up to so many microphones every permutation is tried
_SITES = 24  # candidates for the next place of the loudspeaker, around the array
_SITE_M = 0.6


@dataclass(frozen=True, eq=False)
class Geometry:
    """What the distances show. order: order[i] is the profile's microphone on channel i.

    off: the displaced microphone, -1: all of them (their spacing), None: none. off_m: by how much.

    measured_m, profile_m: (K, M) distances from K places of the loudspeaker to the profile's M
    microphones. constant_m, constant_sigma_m: the common delay as a distance. deviation_mm: (M,)
    mean of measured less profile that the usual errors do not explain. chi2, freedom: of the fit.
    order_visible, place_visible: whether any swap, or any displacement by FAULT_M, would have been
    seen. next_sites_m: (S, 3) places for the loudspeaker that show it, best first; None where both
    are visible.
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
        """Whether every channel is the microphone of the profile."""
        return self.order == tuple(range(len(self.order)))


class _Model:
    """Linear model of the effect of the usual errors on the distances (K * M,) from speakers (K, 3)
    to microphones (M, 3).

    one_constant: the unknown delay is the same for all places of the loudspeaker.
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
        """Effect (K * M, 3) of a displacement of one microphone by 1 m along each axis."""
        effect = np.zeros((*self.shape, 3))
        effect[:, mic] = self._unit[:, mic]
        return effect.reshape(-1, 3)

    def spread(self) -> Array:
        """Effect (K * M, 1) of an array whose mean radius is 1 m larger."""
        out = self._mics - self._centre
        out = out / max(float(np.linalg.norm(out, axis=1).mean()), 1e-6)
        return np.asarray(np.sum(self._unit * out[None], axis=2).reshape(-1, 1))

    def gain(self, residual: Array, effect: Array) -> tuple[float, Array]:
        """Decrease of chi square by any amount of this effect (K * M, D), and that amount (D,)."""
        weighted = effect.T @ self.inverse
        information = weighted @ effect
        known = weighted @ residual
        free = np.linalg.pinv(information, rcond=1e-6, hermitian=True) @ known
        # With a prior: distances hardly depend on a displacement across the array's plane.
        amount = np.linalg.solve(information + np.eye(len(known)) / LIKELY_M**2, known)
        return float(free @ known), np.asarray(amount)

    def least_visible(self, effect: Array, plane: Array) -> float:
        """Smallest increase of chi square by FAULT_M of this effect, over directions (3, 2)."""
        effect = effect @ plane if effect.shape[1] == 3 else effect
        return float(np.linalg.eigvalsh(effect.T @ self.inverse @ effect).min() * FAULT_M**2)


def check_geometry(arrivals_s: Array, rig: Rig, speakers: Array, known_emission: bool) -> Geometry:
    """Order and positions of the microphones from times of arrival.

    arrivals_s: (K, M) of the direct sound. speakers: (K, 3) places of the loudspeaker as measured,
    camera frame. known_emission: arrivals count from the loopback, so that one constant holds for
    all places.
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
    """Permutations to try, the profile's order first: all of them for few microphones, else swaps
    of two and rotations.
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
    """(K, M) with column i from channel order[i]."""
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
    """The constant of each place (K,) [m], its sigma, and the part of the residual (K * M,) that
    the usual errors explain.
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
    """Smallest increase of chi square by a swap of two, and by a displacement of FAULT_M."""
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
    """The plane (3, 2) of the microphones: their first two principal axes."""
    return np.asarray(np.linalg.svd(mics - mics.mean(axis=0))[2][:2].T)


def _next_sites(speakers: Array, mics: Array, known_emission: bool) -> Array:
    """Places (S, 3) around the array, in its plane, for the next take; the best first."""
    plane, centre = _plane(mics), mics.mean(axis=0)
    angles = 2.0 * np.pi * np.arange(_SITES) / _SITES
    sites = centre + _SITE_M * np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane.T
    values = []
    for site in sites:
        order, place = _visibility(_Model(np.vstack([speakers, site]), mics, known_emission), mics)
        values.append(min(order, place))
    return np.asarray(sites[np.argsort(values)[::-1]])
