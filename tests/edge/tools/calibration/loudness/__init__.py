"""How loud the loudspeaker is, by the array and by a phone."""
