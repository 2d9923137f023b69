"""The sensor as Home Assistant shows it.

`discovery` makes the announcement from the entities that `room` and `device` list, `components` has
what these are made of, and `machine` what is known of the machine. `entity_table` lists all for the
README. Nothing here sends anything.
"""
