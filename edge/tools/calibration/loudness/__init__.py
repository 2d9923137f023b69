"""How loud the loudspeaker is at 1 m: `direct_level` measures what the microphones receive,
`judge` turns it into dB(A) at 1 m with its uncertainty, or says why that cannot be known.
"""
