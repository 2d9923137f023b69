"""`posekernel setup`: from a box of parts to a running sensor, without an editor.

`steps` holds the list of steps, each of which says what was found, asks, checks with the real parts
and changes the `Draft` of the configuration. Two front ends lead through it: `terminal` (also
`unattended`, with a file of answers) and the page of `web`.
"""
