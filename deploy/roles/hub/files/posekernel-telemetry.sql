-- Telemetry of all sensors. Plain PostgreSQL 13 or newer; TimescaleDB adds posekernel-timescaledb.sql. May run again at any time.
-- Columns are the properties of posekernel's telemetry message (`posekernel schema telemetry`): Telegraf writes them by name.
SELECT 'made: table' WHERE to_regclass('posekernel_telemetry') IS NULL;
CREATE TABLE IF NOT EXISTS posekernel_telemetry (
    time            timestamptz NOT NULL,
    id              text NOT NULL,
    source          text,
    version         text,
    lifter          text,
    runtime         text,
    uptime_s        double precision,
    temperature_c   double precision,
    throttled       boolean,
    throttled_flags double precision,
    cpu_percent     double precision,
    memory_mb       double precision,
    poses_per_s     double precision,
    latency_p50_ms  double precision,
    latency_p95_ms  double precision,
    frames          double precision,
    frames_dropped  double precision,
    periods         double precision,
    periods_faulty  double precision,
    periods_lost    double precision,
    xruns           double precision,
    gaps            double precision,
    sound_reopened  double precision,
    camera_reopened double precision,
    outbox_waiting  double precision,
    outbox_dropped  double precision,
    stream_dropped  double precision,
    connections     double precision
);
-- What tables of earlier releases lack.
ALTER TABLE posekernel_telemetry ADD COLUMN IF NOT EXISTS runtime text;
CREATE INDEX IF NOT EXISTS posekernel_telemetry_id_time ON posekernel_telemetry (id, time DESC);
CREATE INDEX IF NOT EXISTS posekernel_telemetry_time ON posekernel_telemetry (time DESC);

-- What each sensor said last. Made anew, as a view does not follow its table's columns.
BEGIN;
DROP VIEW IF EXISTS posekernel_now;
CREATE VIEW posekernel_now AS
SELECT DISTINCT ON (id) *, extract(epoch FROM now() - time) AS silent_s FROM posekernel_telemetry ORDER BY id, time DESC;
COMMIT;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'telegraf') THEN CREATE ROLE telegraf LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') THEN CREATE ROLE grafana LOGIN; END IF;
END
$$;
GRANT INSERT, SELECT ON posekernel_telemetry TO telegraf;
GRANT SELECT ON posekernel_telemetry, posekernel_now TO grafana;
