"""Faults of the sound card."""

import time
from pathlib import Path

from tests.faults.device import NOBODY_S, SOUND, device
from tests.faults.row import FAULT_S, Row, last_telemetry, longest_pause_s, row


@row
def xrun(folder: Path) -> Row:
    with device(folder, xrun_at_s=14.0) as d:
        struck = d.wait_for("telemetry", 0.0, lambda m: m["xruns"] > 0)
        began = struck - 1.5  # telemetry comes once a second
        back = d.wait_pose(struck, SOUND)
        d.wait_for("telemetry", struck, lambda m: True)
        told = last_telemetry(d)
        near = [m for _, m in d.messages("pose", began)]
        lost = sum(m["scale_source"] != SOUND for m in near)
        assert told["xruns"] == 1, told
        assert told["periods_faulty"] >= 1, told
        assert lost <= 2, f"{lost} of {len(near)} poses not by sound"
        assert longest_pause_s(d, began, back) < NOBODY_S + 1.0
    return Row(
        "one xrun", "went on", f"{lost} poses scaled by height, {told['periods_faulty']} sound periods, counted", back - struck
    )


@row
def card_unplugged(folder: Path) -> Row:
    with device(folder) as d:
        d.card.unplug()
        out = time.monotonic()
        d.wait_pose(out, "height")
        time.sleep(FAULT_S)
        d.card.plug()
        back_in = time.monotonic()
        pause = longest_pause_s(d, out, back_in)
        assert pause < NOBODY_S + 1.0, f"no pose for {pause:.1f} s"
        late = [m["scale_source"] for t, m in d.messages("pose", out + 1.0) if t < back_in]
        assert set(late) == {"height"}, "scaled by a sound that nobody heard"
        back = d.wait_pose(back_in, SOUND)
        d.wait_for("telemetry", back, lambda m: m["sound_reopened"] >= 1)
    return Row("sound card unplugged for 4 s", "poses went on, marked as scaled by height", "the sound", back - back_in)
