"""What every other package builds on, and which imports none of them.

`arrays`, `errors`, `files` and `jit` are small helps; `typed` reads TOML and JSON into structs;
`rig` and `pose` are geometry and results; `contracts` is what a source of sound and images gives;
`config` is the configuration file, `calibration_file` and `profiles` are the other files;
`inference` runs TFLite networks; `stature` is about standing height.
"""
