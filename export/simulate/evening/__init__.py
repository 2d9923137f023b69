"""Evenings of a home as a live source in simulated time, all sound in absolute levels.

script        what people do: they come, walk, stand, sit, lie and leave
home          an evening: room, devices, people, loudspeaker
ambience      what else is heard: the room, a fridge, speech, a television
responses     what people change in the room, computed once and kept in a file
playback      what the array plays in each period
room_stream   from what is played to what is recorded
loudspeaker   how loud that is at 1 m
watching      what the detector finds in the images
live_source   array and camera as the runtime's contracts have them
"""
