"""Nobody is there: pictures without people and of people who are not real, in an empty room that is
listened to.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.core.config import Config, DeviceConfig, ExcitationConfig, SourceConfig
from edge.core.contracts import AudioPeriod, Frame
from edge.core.pose import SEEN
from edge.core.rig import Camera
from edge.output.messages.fields import Message
from edge.output.messages.summary import SummaryKeeper
from edge.sensor.pipeline import Pipeline
from export.bodies.body import pose_body, sample_body
from export.bodies.poses import upright
from export.simulate.electronics import RESPEAKER_USB_V2
from export.simulate.recording import Recording, RecordingConditions
from export.simulate.sessions import GREY, respeaker_rig
from export.studies.people.pictures import HEIGHT, WIDTH, Picture, Wheels, not_there, without_people
from export.studies.people.spoiled import BELOW_NECK_PX, DARK, in_the_dark, only_heads

CAMERA = Camera(
    WIDTH, HEIGHT, 0.9 * WIDTH, 0.9 * WIDTH, WIDTH / 2, HEIGHT / 2, height_m=1.4, tilt_deg=5.0
)
PERIODS_S = 0.1
EMPTY_FRAMES, BETWEEN_FRAMES, SHOWN_FRAMES = 30, 5, 30  # grey at first, between, a picture


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """One picture. seen: frames in which people were found. posed: with a person in the estimate.
    occupied: whether the summary ever said so. unknown: whether it said that it does not know.
    seen_only: the most that it said were seen but not heard.
    """

    name: str
    seen: int
    posed: int
    occupied: bool
    unknown: bool
    seen_only: int


class EmptyRoomSensor:
    """A sensor in a simulated room in which nobody ever is, before a screen that fills its view."""

    def __init__(self, seed: int, sir_db: float = 13.0) -> None:
        """seed: of the room and its sound. sir_db: as loud as it would be with somebody at 3 m."""
        rng = np.random.default_rng([seed, 3])
        body = sample_body(rng)
        joints = pose_body(body, upright(body)).joints + np.array([0.0, 3.0, 0.0])
        poses = CAMERA.from_room(joints.astype(np.float64))[None, None]
        rig = respeaker_rig(CAMERA)
        conditions = RecordingConditions(sir_db=sir_db, drift_c_per_minute=0.0)
        self._recording = Recording(
            rig, ExcitationConfig(), RESPEAKER_USB_V2, poses, seed=seed, conditions=conditions
        )
        self._nobody = np.full_like(poses[0], np.nan)
        config = Config(DeviceConfig("nobody"), SourceConfig("replay", "", realtime=False))
        self.pipeline = Pipeline(config, rig, self._recording.excitation)
        self._count = 0
        self._seen = 0

    def show(self, picture: Picture) -> PictureOutcome:
        """SHOWN_FRAMES of the picture, after some grey ones."""
        said: list[Message] = []
        summary = SummaryKeeper(
            "nobody", "simulated", (), said.append, clock=lambda: self._count * PERIODS_S
        )
        self.pipeline.associate.forget()
        grey = np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)
        for _ in range(BETWEEN_FRAMES if self._count else EMPTY_FRAMES):
            self._step(grey, summary)
        said.clear()
        self._seen = posed = 0
        for k in range(SHOWN_FRAMES):
            posed += self._step(picture.frames[k % len(picture.frames)], summary)
        return PictureOutcome(
            picture.name,
            self._seen,
            posed,
            any(bool(m["occupancy"]) for m in said),
            any(m["occupancy"] is None for m in said),
            max((int(m["seen_only"] or 0) for m in said), default=0),
        )

    def _step(self, image: np.ndarray, summary: SummaryKeeper) -> bool:
        self._count += 1
        start_ns = round(self._count * PERIODS_S * 1e9)
        raw = self._recording.period(self._nobody, self._count)
        heard = self._recording.layout.split(raw)
        sound = self.pipeline.hear(AudioPeriod(self._count, start_ns, *heard))
        middle_ns = start_ns + round(0.5e9 * PERIODS_S)
        seen = self.pipeline.see(Frame(self._count, middle_ns, image), "simulated")
        self._seen += bool(seen.people)
        estimate = self.pipeline.fuse(seen, sound, "simulated")
        if estimate is not None:
            summary.pose(estimate)
        summary.tick(self.pipeline.blind, gone=self.pipeline.gone)
        return estimate is not None


def show_nobody(wheels: Path, seed: int) -> Iterator[tuple[str, PictureOutcome]]:
    """(kind, outcome) of each picture; kind: "without people" or "not there". wheels: folder with
    the packages' wheels, see `pictures`. Raises SessionError.
    """
    packages = Wheels(wheels)
    sensor = EmptyRoomSensor(seed)
    for picture in without_people(packages):
        yield "without people", sensor.show(picture)
    with tempfile.TemporaryDirectory() as scratch:
        for picture in not_there(packages, Path(scratch)):
            yield "not there", sensor.show(picture)


def nobody_report(outcomes: Sequence[tuple[str, PictureOutcome]], command: str) -> str:
    """The section as Markdown. command: that made it."""
    lines = [
        "| pictures | shown | occupied | unknown | people found in | posed in |",
        "|---|---|---|---|---|---|",
    ]
    titles = {
        "without people": "without people",
        "not there": "of televisions, posters, mirrors and a doll",
    }
    for kind, title in titles.items():
        rows = [o for k, o in outcomes if k == kind]
        lines.append(
            f"| {title} | {len(rows)} | {sum(o.occupied for o in rows)} "
            f"| {sum(o.unknown for o in rows)} | {sum(o.seen > 0 for o in rows)} "
            f"| {sum(o.posed > 0 for o in rows)} |"
        )
    named = [
        f"- {o.name}: found in {o.seen} of {SHOWN_FRAMES} frames, posed in {o.posed}, "
        + ("**occupied**" if o.occupied else "unknown" if o.unknown else "not occupied")
        + (f", {o.seen_only} seen only" if o.seen_only else "")
        for _, o in outcomes
        if o.seen
    ]
    return f"""\
Each picture, or film, stands for {SHOWN_FRAMES} frames (10 a second) before a camera, with
{BETWEEN_FRAMES} grey ones between two, in a simulated room in which nobody is, with the sensor's
sound on.
The pictures come from Python packages (scikit-image, scikit-learn, gradio, imgaug, matplotlib,
pose2sim), people who are not there from their pictures and films, framed in pose2sim's laboratory.

    {command}

{chr(10).join(lines)}

Of those in which people were found:

{chr(10).join(named)}

{spoiled_report()}"""


def spoiled_report() -> str:
    """What is said of the shipped session's people where only their heads are in view, and in the
    dark.
    """
    heads, (claims, reasons) = only_heads(), in_the_dark()
    return f"""\
The shipped session with everything painted over that is more than {BELOW_NECK_PX} px below
anybody's neck: of the {heads.joints} hip joints in its poses {heads.told_hidden} have a confidence
below {SEEN}, of the others {heads.within_sigma} lie within their 1-sigma of the truth (median error
{100 * heads.median_error_m:.0f} cm). The same session at {100 * DARK:.0f} % of its brightness: the
summary {"says whether somebody is there" if claims else "never says whether somebody is there"}
({"; ".join(reasons) or "no reason given"})."""
