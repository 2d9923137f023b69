"""What `posekernel bench` says of whole sensors was really measured."""

import pytest

from edge.core.errors import BenchError
from edge.tools.bench.sensors import bench_config, bench_latency, bench_replay, network_tables

NETWORKS = network_tables(bench_config(None))


def test_latency_is_that_of_poses_which_really_arrived():
    for seconds in (2.0, 8.0, 32.0):  # an echo takes longer on a machine with much else to do
        rows = bench_latency(NETWORKS, seconds=seconds).rows
        if len(rows) == 3:
            break
    image, echo, transport = rows
    assert image.count == transport.count > 2
    assert 0.0 < transport.median_ms < image.median_ms <= image.p95_ms
    assert echo.median_ms > 0.0


def test_replay_counts_every_pose_of_a_fresh_process():
    result = bench_replay(NETWORKS)
    assert result.poses > 10
    assert result.first_pose_s > 0.0
    assert result.rate_hz > 0.0
    assert result.cpu_ms > 0.0
    assert result.peak_rss_mb > 50.0  # interpreter, OpenCV and the networks


def test_a_replay_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(BenchError, match="two poses"):
        bench_replay(NETWORKS, tmp_path)
