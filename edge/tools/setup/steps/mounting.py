"""How high the camera hangs, and whether it looks down."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from edge.core.plausibility import CAMERA_HEIGHT_M, height_problem
from edge.core.typed import Strict
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say

_USUAL_CM = 140.0
_KEYS = ("height_m", "tilt_deg", "roll_deg")
_SAME = 0.0011  # as it is shown: 0.1 cm
_GOOD_CM = (60.0, 260.0)  # what was simulated; outside, heads or feet are soon out of view


class MountingAnswers(Strict, frozen=True):
    """[mounting]. height_cm: of the lens above the floor; 0: not measured, so no zones, posture or
    falls. tilt_deg: positive looks down. roll_deg: positive is turned clockwise, seen from behind;
    left out: as it was.
    """

    height_cm: Annotated[float, Meta(ge=0.0, le=2000.0)] = _USUAL_CM
    tilt_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] = 0.0
    roll_deg: Annotated[float, Meta(ge=-180.0, le=180.0)] | None = None


class MountingStep:
    """rig.camera.height_m, tilt_deg and roll_deg."""

    name, title, answers = "mounting", "Height and tilt of the camera", MountingAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """As calibrated or configured, else a lens at chest height that looks straight ahead."""
        height_m, tilt_deg, _ = _known(draft)
        questions = (
            Question(
                "height_cm",
                "How high is the lens above the floor, cm",
                round(100.0 * height_m, 1),
                "number",
                help="0: not measured; then there are no zones, no posture and no falls.",
            ),
            Question(
                "tilt_deg",
                "By how many degrees does it look down",
                tilt_deg,
                "number",
                help="0: straight ahead. A phone's spirit level, held to the camera, shows it.",
            ),
        )
        return Asked(questions)

    def settle(self, draft: Draft, answer: MountingAnswers, say: Say) -> list[Judgement]:
        """Possible, and good."""
        height_cm = answer.height_cm
        if height_cm and height_problem(height_cm / 100.0):
            low, high = (100.0 * limit for limit in CAMERA_HEIGHT_M)
            meant = (
                "; the number looks like metres, give cm" if height_cm <= CAMERA_HEIGHT_M[1] else ""
            )
            raise AnswerError(
                "height_cm", f"found {height_cm:g}, but {low:g} to {high:g} cm are possible{meant}"
            )
        before = _known(draft)
        roll_deg = before[2] if answer.roll_deg is None else answer.roll_deg
        new = (round(height_cm / 100.0, 3), answer.tilt_deg, roll_deg)
        draft.change({"rig": {"camera": dict(zip(_KEYS, new, strict=True))}})
        judged = [_judge(height_cm, answer.tilt_deg)]
        moved = max(abs(a - b) for a, b in zip(new, before, strict=True)) > _SAME
        # The scale was checked with the camera as it hung then.
        if moved and draft.forget_calibrated("mounting", "scale"):
            judged.append(Judgement("good", "this counts now, in place of what was calibrated"))
        return judged


def _known(draft: Draft) -> tuple[float, float, float]:
    """Height [m], tilt and roll [degrees] that count so far."""
    calibration = draft.known_calibration
    if calibration is not None and (measured := calibration.mounting) is not None:
        return measured.height_m, measured.tilt_deg, measured.roll_deg
    usual = (_USUAL_CM / 100.0, 0.0, 0.0)
    height, tilt, roll = (
        float(draft.get(f"rig.camera.{key}", value))
        for key, value in zip(_KEYS, usual, strict=True)
    )
    return height, tilt, roll


def _judge(height_cm: float, tilt_deg: float) -> Judgement:
    if not height_cm:
        text = "without a height there are no zones, no posture and no falls"
        return Judgement("usable", text, "measure it later: posekernel setup --only mounting")
    if not _GOOD_CM[0] <= height_cm <= _GOOD_CM[1]:
        text = f"{height_cm:g} cm is unusual: heads or feet are soon out of view"
        return Judgement("usable", text, "100 to 180 cm are good")
    return Judgement("good", f"{height_cm:g} cm above the floor, {tilt_deg:g} degrees")
