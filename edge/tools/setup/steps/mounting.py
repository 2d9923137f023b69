"""How high the camera hangs, and whether it looks down."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from edge.core.plausibility import CAMERA_HEIGHT_M, height_problem
from edge.core.typed import Strict
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError, Asked, Judgement, Question, Say

_USUAL_CM = 140.0
_GOOD_CM = (60.0, 260.0)  # what was simulated; outside, heads or feet are soon out of view


class MountingAnswers(Strict, frozen=True):
    """[mounting]. height_cm: of the lens above the floor; 0: not measured, so no zones, posture or
    falls. tilt_deg: positive looks down. roll_deg: positive is turned clockwise, seen from behind.
    """

    height_cm: Annotated[float, Meta(ge=0.0, le=2000.0)] = _USUAL_CM
    tilt_deg: Annotated[float, Meta(ge=-90.0, le=90.0)] = 0.0
    roll_deg: Annotated[float, Meta(ge=-180.0, le=180.0)] = 0.0


class MountingStep:
    """rig.camera.height_m, tilt_deg and roll_deg."""

    name, title, answers = "mounting", "Height and tilt of the camera", MountingAnswers

    def ask(self, draft: Draft, given: Mapping[str, Any]) -> Asked:
        """As configured, else a lens at chest height that looks straight ahead."""
        height_m = draft.get("rig.camera.height_m", _USUAL_CM / 100.0)
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
                draft.get("rig.camera.tilt_deg", 0.0),
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
        camera = {
            "height_m": round(height_cm / 100.0, 3),
            "tilt_deg": answer.tilt_deg,
            "roll_deg": answer.roll_deg,
        }
        draft.change({"rig": {"camera": camera}})
        if not height_cm:
            text = "without a height there are no zones, no posture and no falls"
            return [Judgement("usable", text, "measure it later: posekernel setup --only mounting")]
        if not _GOOD_CM[0] <= height_cm <= _GOOD_CM[1]:
            text = f"{height_cm:g} cm is unusual: heads or feet are soon out of view"
            return [Judgement("usable", text, "100 to 180 cm are good")]
        return [Judgement("good", f"{height_cm:g} cm above the floor, {answer.tilt_deg:g} degrees")]
