"""Several people, and nobody: does the sensor say who is there?

sequences        two people cross or hide one another; people come and go; somebody comes in
real_frames      calibrated videos of one and of two people, with simulated sound
nobody           pictures without people, and of televisions, posters, mirrors and dolls
pictures         where these come from
spoiled          only heads in view, and darkness
distances        people from 0.8 to 8 m away, without sound
calibrated_views such videos as the detector sees them, beside where everybody is
over_time        single images' poses against the smoothed ones of the track
sides            left and right, front and back exchanged
presence         how likely somebody is there, given what is heard of them
results          the page of results: each study renews its own section
"""
