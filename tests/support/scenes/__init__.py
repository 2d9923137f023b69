"""Made-up scenes that several tests share: signals, echoes, bodies that walk."""
