"""Sound at the microphones in a room, empty or with a person, in air of any temperature."""

from edge.core.arrays import Array, ComplexArray
from edge.core.rig import Rig, speed_of_sound
from export.acoustics.directivity import Directivity
from export.acoustics.drifting_room import DriftingRoom
from export.acoustics.late_tail import LateTail
from export.acoustics.physical_optics import PeriodGrid
from export.acoustics.room_response import body_response
from export.acoustics.shoebox import Room
from export.acoustics.surface import Surface


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

    def body(
        self, surface: Surface, temperature_c: float, *, echo_gain: float, anchors: Array
    ) -> ComplexArray:
        """What a body changes: occupied minus empty. surface: camera frame. anchors: (A, 3) points
        of the body [m], with which the late tail moves.
        """
        return body_response(
            self._room,
            surface,
            self._rig.speakers,
            self._rig.mics,
            self._grid,
            speed_of_sound(temperature_c),
            echo_gain=echo_gain,
            order=self._wall_order,
            tail=self._tail,
            anchors=anchors,
            directivity=self._directivity,
        )
