"""Coverage-guided fuzzing of every decoder, and bombs measured: ``python -m tests.fuzz``."""
