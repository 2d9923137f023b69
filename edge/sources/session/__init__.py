"""Sessions: folders with raw sound, images, rig and truth of a recorded or simulated scene.

`reader` loads and checks one, `frame_reader` its images; `writer` writes one, into
`growing_files`; `replay` makes a source of it; `truth` compares estimates with its true joints.
`dataset` is another format, that of the PoseKernel data: impulse responses and joints instead of
raw sound and images; `people_arrays` has its checks of each person.
"""
