-- After posekernel-telemetry.sql, where TimescaleDB is installed. keep_days is given on psql's command line.
CREATE EXTENSION IF NOT EXISTS timescaledb;
SELECT create_hypertable('posekernel_telemetry', 'time', if_not_exists => true, migrate_data => true);
ALTER TABLE posekernel_telemetry SET (timescaledb.compress, timescaledb.compress_segmentby = 'id');
SELECT add_compression_policy('posekernel_telemetry', interval '7 days', if_not_exists => true);
SELECT add_retention_policy('posekernel_telemetry', make_interval(days => :keep_days), if_not_exists => true);
