"""Whether every microphone still works: raw_sound_faults and direct_sound_faults find what is wrong
in one period, microphone_health decides over several, fault_words says it.
"""
