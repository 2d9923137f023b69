"""Where sound and images come from; each fulfils the contracts in `edge.core.contracts`.

`alsa` plays the excitation and records a microphone array, `camera` reads a camera, and `session`
reads and writes recordings of both, which can be replayed in their place. `remedies` has the words
for what does not open, `holders` finds the process that holds a device.
"""
