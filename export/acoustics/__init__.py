"""Sound in a room with people in it, as spectra of one excitation period.

surface           patches of a body or a piece of furniture
visibility        how much of each patch a source lights
shading           how much of the sound passes one body on its way to another
capsules          a body made of capsules around BODY_25 joints
directivity       patterns of loudspeakers and microphones
physical_optics   echo and shadow of lit patches, on the time grid of one period
shoebox           a box-shaped room, its furniture and its image sources
random_room       such rooms drawn around a camera
between_bodies    sound that goes from one body to another
late_tail         what a body changes in the later reverberation, drawn from its statistics
room_response     responses of a room: empty, and what bodies change together
drifting_room     the empty room as its air warms

Lengths are in metres. Levels are relative to the direct sound at 1 m. Points are in the camera
frame, or, where it says so, in the room's own frame (a corner at the origin, z up).
"""
