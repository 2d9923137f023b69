"""Simulated arrays with faults: calibration names each fault, and no other."""

import json
from dataclasses import replace

import numpy as np
import pytest

from edge.__main__ import main
from edge.core.calibration_file import load_calibration
from edge.core.contracts import ChannelMap
from edge.sources.session.writer import FULL_SCALE, SessionWriter
from edge.tools.calibration.array_check import examine_sound
from edge.tools.calibration.sample_clock import mean_spectra, measure_clock
from edge.tools.calibration.takes import SoundTake, take_from_session
from export.__main__ import main as export_main
from export.studies.calibration_cases import (
    FAULTS,
    NONE,
    Case,
    CaseOutcome,
    calibrate_case,
    make_case,
    record,
)
from export.studies.calibration_report import calibration_report

pytestmark = pytest.mark.export


@pytest.fixture(scope="module")
def good() -> tuple[Case, list[SoundTake]]:
    """A good array with a loopback, and the takes that calibration asks for."""
    case = make_case(21, 0, NONE, "respeaker-usb-v2")
    takes = [record(case, None)]
    while (sites := examine_sound(takes).next_sites_m) is not None:
        takes.append(record(case, sites))
        assert len(takes) < 7
    return case, takes


def write_session(folder, case: Case, take: SoundTake):
    with SessionWriter(
        folder,
        source="simulated",
        rig=take.rig,
        excitation=case.rig.excitation,
        channels=take.map.channels,
        mic_channels=take.map.mics,
        reference_channel=take.map.reference,
    ) as writer:
        for k, period in enumerate(take.raw):
            writer.add_period(np.rint(period.T * FULL_SCALE).astype(np.int16), k * 100_000_000)
    return folder


@pytest.mark.parametrize("fault", [*FAULTS, NONE])
def test_each_fault_is_named_and_no_other(fault):
    outcome = calibrate_case(make_case(22, 1, fault, "compact"))
    assert outcome.named == (() if fault == NONE else (fault,))
    assert outcome.blamed
    assert not outcome.open
    if fault == "geometry":
        assert abs(outcome.error) < 6.0  # mm
    if fault == "clock":
        assert abs(outcome.error) < 2.0  # ppm
    if fault == "delay":
        assert abs(outcome.error) < 3.0  # cm


def test_one_place_leaves_open_what_it_cannot_show_and_says_where_to_go(good):
    case, takes = good
    result = examine_sound(takes[:1])
    steps = {s.name: s for s in result.steps}
    assert steps["places"].outcome == "open"
    assert "move the loudspeaker to about" in steps["places"].remedy
    centre = case.rig.measured.mics.mean(axis=0)
    assert 0.3 < np.linalg.norm(result.next_sites_m[0] - centre) < 1.0


def test_a_good_array_is_good_and_its_distances_are_right(good):
    case, takes = good
    result = examine_sound(takes)
    assert {s.outcome for s in result.steps} == {"ok"}
    true = np.linalg.norm(case.rig.true.mics - case.rig.true.speakers[0], axis=1)
    measured = result.geometry.measured_m[0]
    assert np.abs((measured - measured.mean()) - (true - true.mean())).max() < 0.003
    assert (
        np.abs(measured - true).max() < 0.015
    )  # the common delay is known from tape measures only


@pytest.mark.parametrize("late_s", [0.0, 0.0005])
def test_a_loudspeakers_own_resonance_is_no_delay_of_the_electronics(late_s):
    # This loudspeaker's resonance gives its pulse two crests, and the higher one comes 0.367 ms
    # late.
    case = make_case(2002, 231, NONE, "compact")
    f = np.fft.rfftfreq(
        case.rig.excitation.period_samples, 1.0 / case.rig.excitation.sample_rate_hz
    )
    speaker = case.electronics.speaker_response * np.exp(-2j * np.pi * f * late_s)
    case = replace(
        case, electronics=replace(case.electronics, speaker_response=speaker.astype(np.complex64))
    )
    takes = [record(case, None)]
    while (sites := examine_sound(takes).next_sites_m) is not None:
        takes.append(record(case, sites))
        assert len(takes) < 7
    result = examine_sound(takes)
    step = next(s for s in result.steps if s.name == "delay")
    assert result.delay_s == pytest.approx(0.367e-3 + late_s, abs=0.05e-3)
    assert result.delay_s - result.own_delay_s == pytest.approx(late_s, abs=0.05e-3)
    assert (step.outcome, step.fault) == (("warning", "delay") if late_s else ("ok", ""))
    assert "by the loudspeaker's own resonances" in step.found
    assert "posekernel run takes" in step.remedy


def test_without_a_loopback_only_differences_are_known(good):
    _, takes = good
    without = [replace(t, map=ChannelMap(5, t.map.mics, None), raw=t.raw[:, :5]) for t in takes]
    result = examine_sound(without)
    assert result.delay_s == 0.0
    assert "only differences" in next(s.found for s in result.steps if s.name == "reference")
    assert "delay" not in {s.name for s in result.steps}


def test_a_loopback_on_another_channel_is_found(good):
    _, takes = good
    order = [5, 1, 2, 3, 4, 0]
    moved = [replace(t, raw=t.raw[:, order]) for t in takes]
    step = next(s for s in examine_sound(moved).steps if s.name == "reference")
    assert step.outcome == "fault"
    assert step.remedy == "set audio.reference_channel = 0"


def test_drift_is_measured_across_cuts_and_removed_from_the_mean():
    case = make_case(23, 2, "clock", "respeaker-usb-v2")
    take = record(case, None)
    skew = case.electronics.skew_ppm
    assert measure_clock(take).drift_ppm == pytest.approx(skew, abs=1.0)
    # Cut anew in the middle, as the sound card's reader does: the periods' places say so.
    n = take.raw.shape[2]
    stream = np.concatenate(list(take.raw), axis=1)
    starts = np.arange(19) * n + np.where(np.arange(19) < 9, 0, 3)
    cut = replace(take, raw=np.stack([stream[:, s : s + n] for s in starts]), starts=starts)
    assert measure_clock(cut).drift_ppm == pytest.approx(skew, abs=1.0)
    assert measure_clock(replace(take, starts=None)).drift_ppm == pytest.approx(skew, abs=1.0)
    mean, _ = mean_spectra(take, measure_clock(take))
    still = replace(measure_clock(take), moved=np.zeros(len(take.raw)))
    blurred, _ = mean_spectra(take, still)
    loopback = take.map.reference
    assert np.linalg.norm(mean[loopback]) > 1.5 * np.linalg.norm(blurred[loopback])


def test_the_command_calibrates_sessions_and_writes_a_file(good, tmp_path, capsys):
    case, takes = good
    folders = [write_session(tmp_path / f"place{k}", case, t) for k, t in enumerate(takes)]
    assert take_from_session(folders[0]).raw.shape == takes[0].raw.shape
    out = tmp_path / "calibration.toml"
    sessions = [a for f in folders for a in ("--session", str(f))]
    # The sessions hold no images, so nobody can say that the room was empty, and nothing says how
    # sensitive the microphones are: these steps stay open.
    assert main(["calibrate", *sessions, "--out", str(out), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["source"] == "simulated"
    assert {s["name"] for s in printed["steps"] if s["outcome"] != "ok"} == {"room", "loudness"}
    calibration = load_calibration(out)
    assert calibration.source == "simulated"
    assert calibration.sound.places == len(takes)
    assert calibration.rig.mic_channels == (1, 2, 3, 4)
    assert "SIMULATED" in out.read_text().splitlines()[1]
    assert calibration.sound.carried_hz[0] < 2500
    assert calibration.sound.carried_hz[1] > 7000


def test_the_report_counts_what_is_wrong():
    outcomes = [
        CaseOutcome(0, "a", "swapped", ("swapped",), True, 4, False, float("nan")),
        CaseOutcome(1, "a", "clock", ("clock", "geometry"), True, 4, False, 0.1),
        CaseOutcome(2, "a", NONE, (), True, 6, True, float("nan")),
    ]
    text = calibration_report(outcomes, "command")
    assert "1 of 2 faulty arrays" in text
    assert "0 of 1 good ones" in text
    assert "| two channels swapped | 1 | 1 |" in text
    assert "case 1 (a): capture clock 200 ppm off put in, clock, geometry named" in text
    assert "left open" in text


def test_the_export_command_prints_the_table(tmp_path, capsys):
    out = tmp_path / "report.md"
    assert (
        export_main(["calibration-cases", "--cases", "1", "--seed", "24", "--out", str(out)]) == 0
    )
    assert "| nothing | 1 |" in out.read_text()
    assert "1 of 1 faulty arrays" in capsys.readouterr().out


def copied(take: SoundTake) -> None:
    take.raw[:, take.map.mics[2]] = take.raw[:, take.map.mics[0]]


def clipped(take: SoundTake) -> None:
    own = take.raw[:, take.map.mics[2]]
    own[:] = np.clip(own * (2.0 / np.abs(own).max()), -1.0, 1.0)


@pytest.mark.parametrize(("change", "kind"), [(copied, "copy"), (clipped, "clipped")])
def test_the_judge_of_the_running_sensor_judges_takes_too(good, change, kind):
    take = replace(good[1][0], raw=good[1][0].raw.copy())
    change(take)
    steps = [s for s in examine_sound([take]).steps if s.name == "microphones"]
    assert [s.fault for s in steps] == [kind]
    assert steps[0].found.startswith("microphone 2 (channel 3)")
