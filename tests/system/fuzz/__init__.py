"""Coverage-guided fuzzing of everything that is read from outside: `python -m tests.system.fuzz
--target T --executions N`.
"""
