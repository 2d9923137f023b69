"""Everything that leaves a sensor.

`messages` makes poses, events and state into JSON; `mqtt` publishes it and receives commands;
`page` is the live page and its server; `message_file` writes the same messages to a file. `outlets`
sends one pose to all of them.
"""
