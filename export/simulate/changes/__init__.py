"""What changes in a room while somebody is in view, for the simulator and for training.

things          surfaces of chairs, doors, curtains, pets
random_changes  such things, and people out of view, at random places of a scene's room
"""
