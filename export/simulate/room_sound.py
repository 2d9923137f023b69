"""Sound at the microphones in a room, empty or with a person, in air of any temperature."""

from collections.abc import Sequence

from edge.core.arrays import Array, ComplexArray, Rng
from edge.core.rig import Rig, speed_of_sound
from export.acoustics.directivity import Directivity
from export.acoustics.drifting_room import DriftingRoom
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import Reflector, bodies_response, direct_echoes
from export.acoustics.shoebox import Room
from export.acoustics.surface import Float32Array, Surface


class RoomSound:
    """One room with the devices of one rig.

    All responses are spectra (S, M, N // 2 + 1) of one excitation period, without electronics.
    """

    def __init__(
        self,
        room: Room,
        rig: Rig,
        grid: PeriodGrid,
        tail: LateTail,
        *,
        wall_order: int,
        temperature_c: float,
        longest_decay_s: float,
        directivity: Directivity | None = None,
    ) -> None:
        """rig: where the devices really are. wall_order: reflections up to which a body's paths are
        exact; `tail` has the later ones. temperature_c: at which the empty room is computed; it is
        exact there. longest_decay_s: see `DriftingRoom`. directivity: camera frame, None for
        spheres.
        """
        self._room, self._rig, self._grid, self._tail = room, rig, grid, tail
        self._wall_order, self._directivity = wall_order, directivity
        self._empty = DriftingRoom(
            room,
            rig.speakers,
            rig.mics,
            grid,
            speed_of_sound(temperature_c),
            longest_decay_s,
            directivity,
        )

    def empty(self, temperature_c: float) -> ComplexArray:
        """The empty room."""
        return self._empty.at(speed_of_sound(temperature_c))

    def empty_response(self, temperature_c: float) -> Float32Array:
        """The empty room as long as it sounds on, see `DriftingRoom.response`."""
        return self._empty.response(speed_of_sound(temperature_c))

    def body(
        self, surface: Surface, temperature_c: float, *, echo_gain: float, anchors: Array
    ) -> ComplexArray:
        """What a body changes: occupied minus empty. surface: camera frame. anchors: (A, 3) points
        of the body [m], with which the late tail moves.
        """
        return self.bodies([Reflector(surface, echo_gain, anchors)], temperature_c)

    def direct_echoes(self, bodies: Sequence[Reflector]) -> list[tuple[ComplexArray, ComplexArray]]:
        """Of each body the direct echo's spectrum (1, F) at the first microphone from the first
        loudspeaker, as the others shade it, and as it were alone.
        """
        rig, c = self._rig, self._rig.speed_of_sound_m_s
        return direct_echoes(self._room, bodies, rig.speakers[0], rig.mics[0], self._grid, c)

    def bodies(
        self, bodies: Sequence[Reflector], temperature_c: float, rng: Rng | None = None
    ) -> ComplexArray:
        """What several bodies (camera frame) change together, who shade one another. rng: draws the
        paths from body to body, in the same state for each moment of a scene; None: none.
        """
        return bodies_response(
            self._room,
            bodies,
            self._rig.speakers,
            self._rig.mics,
            self._grid,
            speed_of_sound(temperature_c),
            order=self._wall_order,
            tail=self._tail,
            directivity=self._directivity,
            rng=rng,
        )
