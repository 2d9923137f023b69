"""A microphone array and a loudspeaker through ALSA, on one clock.

`source` is the `AudioSource`: it cuts the recording into periods of the excitation (`alignment`)
and bursts (`burst_finder`), and judges them. `duplex` plays what `playlist` says and records, on
two threads, into `ring`; `card` opens the devices, and `mixer` reads their volumes.
"""
