"""What telemetry reads from the machine."""

from pathlib import Path

from edge.sensor.reports.telemetry import soc_temperature_c


def test_temperature_is_the_processors(tmp_path: Path) -> None:
    assert soc_temperature_c(tmp_path) is None
    for k, (kind, value) in enumerate(
        [("acpitz", "27800"), ("cpu-thermal", "51540"), ("gpu-thermal", "60000"), ("odd", "x")]
    ):
        zone = tmp_path / f"thermal_zone{k}"
        zone.mkdir()
        (zone / "type").write_text(kind + "\n")
        (zone / "temp").write_text(value + "\n")
    assert soc_temperature_c(tmp_path) == 51.5
    (tmp_path / "thermal_zone1" / "type").write_text("other")
    assert soc_temperature_c(tmp_path) == 60.0
