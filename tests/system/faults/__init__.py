"""Fault injection: `posekernel run` as a process on a test sound card, a film and a real mosquitto;
one fault per row.

`python -m tests.system.faults --out export/studies/results/faults.md` runs every row and writes
the table; `make test-faults` runs the same rows as tests.
"""
