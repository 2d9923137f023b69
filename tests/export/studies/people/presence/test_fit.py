"""The fit of what a network's certainty tells, on made-up certainties and on a simulated room."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edge.behaviour.presence import SoundEvidence
from edge.core.typed import convert
from export.__main__ import main
from export.studies.people.presence.fit import evidence_report, fit_evidence
from export.studies.people.presence.rooms import Heard, PresenceRoom

pytestmark = pytest.mark.export


def certain(people: float, pictures: float, distance_m: float, over_noise_db: float) -> list[Heard]:
    """40 moments of three periods with log odds about these means."""
    rng = np.random.default_rng(2)
    out = []
    for moment in range(40):
        for _ in range(3):
            there = moment % 2 == 0
            odds = rng.normal(people if there else pictures, 0.7)
            confidence = 1.0 / (1.0 + np.exp(-odds))
            out.append(Heard(0, moment, there, confidence, distance_m, over_noise_db))
    return out


def test_what_tells_nothing_lies_between_people_and_pictures():
    heard = certain(4.0, -1.0, 3.0, 20.0)
    evidence = fit_evidence(heard, "network", "command")
    assert evidence.told(0.98, 3.0, 20.0) > 1.0
    assert evidence.told(0.3, 3.0, 20.0) < -1.0
    assert abs(evidence.told(0.82, 3.0, 20.0)) < 1.0  # log odds of 1.5
    report = evidence_report(evidence, heard)
    row = next(r for r in report.splitlines() if r.startswith("| 2.5 to 4 | from 15 | 20 | 20 |"))
    assert 0.6 < float(row.split("|")[5]) < 0.9


@pytest.mark.parametrize(
    "heard",
    [
        certain(-3.0, -3.0, 7.0, 20.0),  # as far as nobody was heard in training
        certain(-3.0, -1.0, 7.0, 20.0),  # surer of pictures than of people
        certain(4.0, -1.0, 7.0, 20.0)[:15],  # too few
        [replace(h, confidence=np.nan) for h in certain(4.0, -1.0, 7.0, 20.0)],
    ],
    ids=["alike", "contrary", "few", "unheard"],
)
def test_nothing_is_told_where_nothing_is_known(heard):
    evidence = fit_evidence(heard, "network", "command")
    for confidence in (0.01, 0.5, 0.99):
        assert abs(evidence.told(confidence, 7.0, 20.0)) < 0.4
    assert evidence.told(0.01, 3.0, 20.0) == 0.0


def test_a_room_tells_people_from_pictures_and_is_the_same_again():
    heard = [h for h in PresenceRoom("ray", 3, 26) if np.isfinite(h.confidence)]
    middle = [h for h in heard if 1.4 < h.distance_m < 4.4 and h.over_noise_db > 10.0]
    people = [h.confidence for h in middle if h.there]
    pictures = [h.confidence for h in middle if not h.there]
    assert len(people) >= 5
    assert len(pictures) >= 5
    assert np.median(people) > 0.9
    assert np.median(pictures) < 0.8
    again = iter(PresenceRoom("ray", 3, 26))
    assert next(again).confidence == pytest.approx(heard[0].confidence, abs=1e-6)


def test_the_command_writes_what_the_sensor_reads(tmp_path, capsys):
    out = tmp_path / "presence.json"
    assert main(["fit-presence", "--rooms", "1", "--out", str(out)]) == 0
    evidence = convert(json.loads(out.read_text()), SoundEvidence)
    assert evidence.command == "posekernel-export fit-presence --lifter ray --rooms 1 --seed 26"
    assert "| distance (m) |" in capsys.readouterr().out
    assert main(["fit-presence", "--out", str(tmp_path / "no" / "presence.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
