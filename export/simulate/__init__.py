"""What a sensor would record of people in a room.

scenes            a random camera, rig, room and moments of people, from a split and a seed
moments/          who is in a moment, where they stand, and what a sensor hears of them
conditions        how hard the people of a dataset are to detect and to hear
rigs              random microphone arrays with a loudspeaker
detector_errors   a model of the errors of MoveNet's 2D joints
people            people before cameras without sound: training samples for the image networks
electronics       loudspeaker, microphones, converters and clock: responses become raw channels
room_sound        what the microphones receive in a room, empty or with people
changes           chairs, doors, curtains, pets and people out of view that change the room
samples           scenes become samples in the dataset format
dataset_runs      whole datasets on many processes, resumable
recording         what an array records of people who move about in a room
sessions          poses and images become a session, as the sensor would have recorded it
video/            sessions of calibrated videos: real frames, simulated sound
moving/           people who walk, cross, hide one another, come and go, for the sensor's tracks

data/ has the fitted detector model.
"""
