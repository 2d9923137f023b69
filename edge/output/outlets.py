"""Everything that a sensor's poses are turned into and sent to."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from edge.core.config import Config, ZoneConfig
from edge.core.contracts import SourceKind
from edge.core.pose import FrameEstimate
from edge.output.message_file import MessageFile
from edge.output.messages.echo_profile import EnvelopeKeeper
from edge.output.messages.events import EventKeeper
from edge.output.messages.fields import Message
from edge.output.messages.kept_falls import KeptFalls
from edge.output.messages.summary import SummaryKeeper
from edge.output.mqtt.publisher import MqttPublisher
from edge.output.osc.avatar import AvatarStream
from edge.sound.pose_kernel import Kernels


class Outlets:
    """Pose stream, summary, events and echo profile of one sensor, and its avatar (osc.enabled).

    publisher: takes the messages, None where nobody does. newest_kernels: the newest pose kernels
    and their time [ns], None while there are none. clock: seconds on the clock of the images. kept:
    falls of an earlier run that are not over.
    """

    def __init__(
        self,
        config: Config,
        kind: SourceKind,
        publisher: MqttPublisher | MessageFile | None,
        newest_kernels: Callable[[], tuple[int, Kernels] | None],
        speed_of_sound_m_s: float,
        clock: Callable[[], float],
        kept: KeptFalls | None = None,
    ) -> None:
        self._avatar = AvatarStream(config.osc, clock) if config.osc.enabled else None
        self._messages = None
        if publisher is not None:
            self._messages = _Messages(
                config, kind, publisher, newest_kernels, speed_of_sound_m_s, clock, kept
            )

    def pose(self, estimate: FrameEstimate, message: Message) -> None:
        """Send everybody in one image. message: the same as a pose message."""
        if self._messages is not None:
            self._messages.pose(estimate, message)
        if self._avatar is not None:
            self._avatar.pose(estimate)

    def tick(self, blind: str | None, gone: Collection[int] = ()) -> None:
        """Call with each image: somebody may have left. blind: why nobody can be seen now.
        gone: as in `Attendance.leave`.
        """
        if self._messages is not None:
            self._messages.tick(blind, gone)
        if self._avatar is not None:
            self._avatar.tick(blind)

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        """Count in these zones from now on. Any thread may call it."""
        if self._messages is not None:
            self._messages.set_zones(zones)

    def close(self) -> None:
        """Let the avatar go. Whoever made the publisher closes it."""
        if self._avatar is not None:
            self._avatar.close()


class _Messages:
    def __init__(
        self,
        config: Config,
        kind: SourceKind,
        publisher: MqttPublisher | MessageFile,
        newest_kernels: Callable[[], tuple[int, Kernels] | None],
        speed_of_sound_m_s: float,
        clock: Callable[[], float],
        kept: KeptFalls | None,
    ) -> None:
        device_id = config.device.id
        self._publisher = publisher
        self._summary = SummaryKeeper(
            device_id,
            kind,
            [zone.name for zone in config.zones],
            partial(publisher.publish_retained, "summary"),
            clock,
        )
        self._events = EventKeeper(device_id, kind, publisher.publish_event, clock, kept)
        self._envelope = EnvelopeKeeper(
            config,
            kind,
            newest_kernels,
            speed_of_sound_m_s,
            partial(publisher.publish_stream, "envelope"),
            clock,
        )

    def pose(self, estimate: FrameEstimate, message: Message) -> None:
        self._publisher.publish_pose(message)
        self._events.pose(estimate)
        self._summary.pose(estimate, self._events.fallen_since)

    def set_zones(self, zones: Sequence[ZoneConfig]) -> None:
        self._summary.set_zones([zone.name for zone in zones])

    def tick(self, blind: str | None, gone: Collection[int]) -> None:
        self._events.tick(blind, gone)
        self._summary.tick(blind, self._events.fallen_since, gone)
        self._envelope.tick()
