"""The shipped session's real people: who is followed, and how exactly."""

import pytest

from edge.sources.session.reader import DEMO_SESSION
from export.studies.people.real_frames import measure_session, real_frames_report
from export.studies.people.results import ORDER, TITLE, renew_section

pytestmark = pytest.mark.export


def test_both_people_of_the_demo_are_followed_and_heard():
    outcome = measure_session(DEMO_SESSION, "demo", "ray")
    assert outcome.score.switches == 0
    assert len(outcome.people) == 2
    for person in outcome.people:
        assert person.posed >= 0.9 * person.shown
        assert person.mid_hip_m <= (0.05, 0.18)[person.person]  # measured 3, 16 cm
    assert "| demo | " in real_frames_report([outcome], "the command")


def test_a_study_renews_its_own_section_only(tmp_path):
    page = tmp_path / "page.md"
    renew_section(page, ORDER[2], "nobody, old")
    renew_section(page, ORDER[0], "sequences")
    renew_section(page, ORDER[2], "nobody, new\n\n| a | table |")
    assert page.read_text() == (
        f"{TITLE}\n## {ORDER[0]}\n\nsequences\n\n## {ORDER[2]}\n\nnobody, new\n\n| a | table |\n"
    )
