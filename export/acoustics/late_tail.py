"""What a body changes in the late reverberation: the paths with more wall reflections than are
computed one by one.

Each is one arrival, from an image of the loudspeaker at r1 to an image of the microphone at r2, of
amplitude g1 g2 / (r1 r2) sqrt(sigma / 4 pi), where sigma is the body's scattering cross-section.
Its time follows from geometry. Its sign and strength depend on the body's shape and are drawn. An
opaque body removes twice its silhouette from the sound field, as echo and as shadow (the extinction
paradox), so sigma is twice the silhouette. Shadows are few and strong, hence the heavy-tailed
distribution.
"""

import numpy as np

from edge.core.arrays import Array
from export.acoustics.directivity import pattern_gain
from export.acoustics.physical_optics import deposit_arrivals
from export.acoustics.shoebox import Images, Room, wall_images
from export.acoustics.surface import Float32Array

LONGEST_PATH_M = 28.0  # 80 ms: with 60 dB of decay in 0.3 s what comes later is 16 dB down
# Arrivals kept per metre of path, at least 4 in the shortest pulse; the many late ones are thinned.
DENSITY_PER_M = 150.0
LEVEL_SPREAD_DB = 6.0
_FREEDOM = 4.0  # of Student's t


class LateTail:
    """The tail of one room. Its random part is drawn once: it changes when the body moves."""

    def __init__(
        self,
        room: Room,
        rng: np.random.Generator,
        *,
        after_order: int = 2,
        level_db: float | None = None,
        longest_path_m: float = LONGEST_PATH_M,
    ) -> None:
        """after_order: reflections in all up to which paths are computed elsewhere. level_db: None
        draws it, 0 +/- 6 dB; the spread stands for how well furniture mixes the field.
        """
        images = _images_within(room, longest_path_m)
        distance = np.linalg.norm(images.of(room.centre) - room.centre, axis=1)
        order = np.argsort(distance, kind="stable")
        distance, images = distance[order], images.chosen(order)
        first, second, keep = [], [], []
        for i, r1 in enumerate(distance):
            count = int(np.searchsorted(distance, longest_path_m - r1))
            # Images lie around the middle with a density of 4 pi r^2 / V; this is that of r1 + r2.
            density = 16.0 * np.pi**2 * (r1 + distance[:count]) ** 5 / (30.0 * room.volume_m3**2)
            chance = np.minimum(1.0, DENSITY_PER_M / np.maximum(density, 1e-9))
            late = (images.orders[:count] + images.orders[i] > after_order) & (
                rng.random(count) < chance
            )
            second.append(np.nonzero(late)[0])
            first.append(np.full(len(second[-1]), i))
            keep.append(chance[late])
        self._speaker_images = images.chosen(np.concatenate(first))
        self._mic_images = images.chosen(np.concatenate(second))
        count = len(self._speaker_images.gains)
        self.level_db = float(rng.normal(0.0, LEVEL_SPREAD_DB)) if level_db is None else level_db
        draw = rng.standard_t(_FREEDOM, count) * np.sqrt((_FREEDOM - 2.0) / _FREEDOM)
        self._weight = (
            self._speaker_images.gains
            * self._mic_images.gains
            * draw
            / np.sqrt(np.concatenate(keep))
        )
        self._weight *= 10.0 ** (self.level_db / 20.0)
        self._anchor = rng.random(count)

    def deposit(
        self,
        speaker: Array,
        mics: Array,
        silhouette_m2: float,
        anchors: Array,
        deposits_per_m: float,
        buffer: Float32Array,
        aims: tuple[Array, Array] | None = None,
    ) -> None:
        """Add the tail's impulses to `buffer` (M, L).

        speaker (3,), mics (M, 3), anchors (A, 3): the room's own frame [m]. Each arrival passes one
        of the anchors, points of the body such as its joints. aims: axes (3,) of the speaker and of
        the microphones' board, as in `Directivity`.
        """
        anchor = anchors[(self._anchor * len(anchors)).astype(np.int64)]
        images = self._speaker_images.of(speaker)
        r1 = np.linalg.norm(images - anchor, axis=1)
        r2 = np.stack([np.linalg.norm(self._mic_images.of(mic) - anchor, axis=1) for mic in mics])
        scatter = np.sqrt(2.0 * silhouette_m2 / (4.0 * np.pi))
        weight = scatter * self._weight
        if aims is not None:
            weight = weight * pattern_gain(self._speaker_images.signs * aims[0], anchor - images)
            weight *= pattern_gain(
                self._mic_images.signs * aims[1], anchor - self._mic_images.of(mics[0])
            )
        deposit_arrivals(r1 + r2, weight / (r1 * r2), deposits_per_m, buffer)


def _images_within(room: Room, reach_m: float) -> Images:
    """Images of the room's middle within reach of it, quiet ones (-60 dB) left out."""
    images = wall_images(
        room, int(np.ceil(reach_m * np.linalg.norm(1.0 / np.asarray(room.size_m))))
    )
    distance = np.linalg.norm(images.of(room.centre) - room.centre, axis=1)
    return images.chosen(np.nonzero((distance < reach_m) & (images.gains > 1e-3))[0])
