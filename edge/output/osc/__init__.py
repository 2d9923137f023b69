"""One person as an avatar, live: the VMC protocol, which is Open Sound Control (OSC) over UDP.
`avatar` chooses the person, `vmc` makes the messages, `encoding` their bytes, `target` sends them.
"""
