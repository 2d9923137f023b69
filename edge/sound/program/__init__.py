"""Sound that other programs play through the loudspeaker: how much of it there is (`own_sound`),
when it is worth listening to (`listener`), and what it tells of the room and whoever is in it
(`solver`).
"""
