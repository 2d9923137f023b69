"""How tall somebody is, found over time: a person keeps their size.

size_belief  as sound and a floor below a camera of known height have found it
heard_size   as sound alone has, where the camera's height is unknown
"""
