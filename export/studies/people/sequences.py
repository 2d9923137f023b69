"""Simulated sequences of several people through the sensor, from the 2D joints on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.core.arrays import BoolArray
from edge.core.pose import MID_HIP, FrameEstimate
from edge.output.messages.attendance import ABSENT_S
from edge.output.messages.fields import Message
from edge.output.messages.summary import SummaryKeeper
from export.bodies.acting import RATE_HZ
from export.evaluate.tracking import TrackedFrame, TrackingScore, score_tracks
from export.simulate.moving.scripts import SCENES, MovingScene
from export.simulate.moving.stream import sense

MATCH_M = 1.0  # of the mid-hip: farther off is somebody else
SETTLED_S = 1.0  # after somebody came or left, before a count must be right
ENTERED_S = 1.0


@dataclass(eq=False)
class SequenceOutcome:
    """One scene. score: of the tracks against the people in view and not hidden. counts: (true,
    in the estimate, in the summary) number of people of each settled frame; the summary's is -1
    while it is unknown. entered_s: from the first frame with somebody in view to the summary's
    occupancy [s], None where it never came. early: the summary said occupied before.
    """

    name: str
    score: TrackingScore
    counts: list[tuple[int, int, int]] = field(default_factory=list)
    entered_s: float | None = None
    early: bool = False

    def right(self, which: int) -> int:
        """Settled frames whose count is right: 1 of the estimate, 2 of the summary."""
        return sum(row[0] == row[which] for row in self.counts)


def follow(scene: MovingScene, seed: int) -> SequenceOutcome:
    """The sensor's people in a scene against those who are there."""
    in_view, hidden = scene.in_view, scene.hidden
    now, state = [0.0], {"people": -1, "occupancy": False}

    def take(message: Message) -> None:
        state["people"] = -1 if message["people"] is None else message["people"]
        state["occupancy"] = bool(message["occupancy"])

    summary = SummaryKeeper("scene", "simulated", (), take, clock=lambda: now[0])
    frames: list[TrackedFrame] = []
    outcome = SequenceOutcome(scene.name, TrackingScore())
    there = countable(in_view, hidden).sum(axis=1)
    first = int(np.argmax(there > 0)) if there.any() else len(there)
    changed = -np.inf
    for frame in sense(scene, seed):
        k = frame.index
        now[0] = k / RATE_HZ
        if frame.estimate is not None:
            summary.pose(frame.estimate)
        summary.tick(gone=frame.gone)
        frames.append(_tracked(scene, in_view[k] & ~hidden[k], k, frame.estimate))
        if k and there[k] != there[k - 1]:
            changed = now[0]
        if now[0] - changed >= SETTLED_S and k >= first:
            said = frame.estimate
            count = 0 if said is None else said.count
            outcome.counts.append((int(there[k]), count, int(state["people"])))
        if state["occupancy"] and outcome.entered_s is None:
            outcome.entered_s = (k - first) / RATE_HZ
            outcome.early = k < first
    outcome.score = score_tracks(frames, MATCH_M)
    return outcome


def countable(in_view: BoolArray, hidden: BoolArray) -> BoolArray:
    """(T, Q): who must be counted: whoever is in view and was seen within the ABSENT_S before.
    Nobody can know of those whom others hide for longer, or since they came in.

    in_view, hidden: (T, Q) as of a MovingScene.
    """
    last_s = np.full(in_view.shape[1], -np.inf)
    out = np.zeros_like(in_view)
    for k, seen in enumerate(in_view & ~hidden):
        last_s[seen] = k / RATE_HZ
        out[k] = in_view[k] & (k / RATE_HZ - last_s <= ABSENT_S)
    return out


def _tracked(
    scene: MovingScene, shown: np.ndarray, index: int, estimate: FrameEstimate | None
) -> TrackedFrame:
    """Those in view and not hidden against those reported, by the distance of their mid-hips [m].
    A hidden person who is reported all the same is no false one, and neither is who is half out of
    view.
    """
    true = scene.joints[index, :, MID_HIP]
    rows = np.flatnonzero(shown)
    people = [] if estimate is None else list(estimate.present)
    places = np.array([p.pose.joints[MID_HIP] for p in people]).reshape(-1, 3)
    others = np.isfinite(true[:, 0]) & ~shown
    if len(places):
        near = np.linalg.norm(places[:, None] - true[others][None], axis=-1)
        own = np.linalg.norm(places[:, None] - true[rows][None], axis=-1)
        nobody = own.min(axis=1, initial=np.inf) > MATCH_M
        keep = ~(nobody & (near.min(axis=1, initial=np.inf) <= MATCH_M))
        people = [p for p, k in zip(people, keep, strict=True) if k]
        places = places[keep]
    apart = np.linalg.norm(true[rows][:, None] - places[None], axis=-1)
    return TrackedFrame(rows.tolist(), [p.id for p in people], apart)


def follow_all(wanted: dict[str, int], seed: int) -> Iterator[SequenceOutcome]:
    """So many scenes of each of SCENES' names."""
    for kind, (name, make) in enumerate(SCENES.items()):
        for n in range(wanted.get(name, 0)):
            rng = np.random.default_rng([seed, kind, n])
            scene: MovingScene = make(rng)
            yield follow(scene, int(rng.integers(1 << 30)))


def sequence_report(outcomes: Sequence[SequenceOutcome], command: str) -> str:
    """The section as Markdown. command: that made it."""
    lines = [
        "| scenes | number | people in frames | identity switches | missed | false | MOTA | IDF1 "
        "| mid-hip, mean | count right: frame | summary |",
        "|---" * 11 + "|",
    ]
    for name in dict.fromkeys(o.name for o in outcomes):
        rows = [o for o in outcomes if o.name == name]
        score = sum((o.score for o in rows), TrackingScore())
        lines.append(
            f"| {name} | {len(rows)} | {score.people} | {score.switches} | {score.misses} "
            f"| {score.false} | {score.mota:.3f} | {score.idf1:.3f} | {100 * score.motp:.0f} cm "
            f"| {_share(rows, lambda o: o.right(1))} | {_share(rows, lambda o: o.right(2))} |"
        )
    return f"""\
Simulated people walk; what the detector finds of them comes from its fitted error model, with the
joints that another body or the image's edge hides; the sound of a period is simulated for each
frame (10 a second), superposed and with first-order reflections only, without mutual shadow. From
there on it is the sensor's own code. A crossing: two people pass each other. An occlusion: somebody
is hidden behind the other for 1-3 s. Missed and false people, MOTA and IDF1 are those of CLEAR MOT
and Ristani et al., for people in view and not hidden, matched within {MATCH_M:g} m of the mid-hip.
Counts: of the frames at least {SETTLED_S:g} s after the last one came or left; first those in the
frame's own estimate, then the retained summary's. Hidden people must be counted for
{ABSENT_S:g} s; nobody can know of who is hidden for longer, or since they came in.

    {command}

""" + "\n".join(lines)


def entrance_report(outcomes: Sequence[SequenceOutcome], command: str) -> str:
    """The section as Markdown. command: that made it."""
    delays = [o.entered_s for o in outcomes if o.entered_s is not None and not o.early]
    in_time = sum(d <= ENTERED_S for d in delays)
    middle = f"{np.median(delays):.1f} s median, {max(delays):.1f} s at most" if delays else "-"
    return f"""\
Simulated people come into an empty room from a side of the image; a frame counts as the first with
somebody when 8 of their first 15 joints are in the image. Made as the sequences above.

    {command}

Of {len(outcomes)} entrances the summary says occupied within {ENTERED_S:g} s in {in_time}, later in
{len(delays) - in_time}, never in {sum(o.entered_s is None for o in outcomes)}; {middle}. Before
anybody was in view it said so in {sum(o.early for o in outcomes)}."""


def _share(rows: list[SequenceOutcome], right: Callable[[SequenceOutcome], int]) -> str:
    frames = sum(len(o.counts) for o in rows)
    return f"{100 * sum(map(right, rows)) / frames:.1f} %" if frames else "-"
