"""How fast this machine is. command runs `posekernel bench`.

Without --stage: report gathers what stages (inside a real run), front_end (the sound's way at full size), speed (networks, a
whole replay), latency, scaling and roofline (against machine's limits) find, each timed by measure; tables, compare and plot show
it, choose picks what suits this board. frontend measures against named peers, sensor configures the processes that are measured.
"""
