"""What `posekernel bench` says of whole sensors was really measured."""

import pytest

from edge.core.errors import BenchError
from edge.tools.bench.latency import bench_latency
from edge.tools.bench.throughput import bench_replay


def test_latency_is_that_of_poses_which_really_arrived():
    result = bench_latency(seconds=2.0)
    assert result.poses > 2
    image, echo, transport = result.rows
    assert 0.0 < transport.median_ms < image.median_ms <= image.p95_ms <= image.longest_ms
    assert image.share == 100.0
    assert echo.median_ms > 0.0


def test_replay_counts_every_pose_of_a_fresh_process():
    result = bench_replay()
    assert result.poses > 10
    assert result.first_pose_s > 0.0
    assert result.rate_hz > 0.0
    assert result.cpu_ms > 0.0
    assert result.peak_rss_mb > 50.0  # interpreter, OpenCV and the networks


def test_a_replay_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(BenchError, match="two poses"):
        bench_replay(tmp_path)
