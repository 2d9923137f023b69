"""How exact the sensor is for how much sound: simulated evenings with different policies.

policies  what the loudspeaker may do: continuous, sparse, the scheduler's modes, music, silence
empty_home  what the sensor knows of the empty room before
playing   an evening through the sensor's own pipeline with one policy
record    what came out of it, kept in a file
measures  errors, coverage and loudness over many evenings, with intervals
report    tables, and what was to be shown
plot      error against dB(A)
"""
