"""How outputs are graded: graders that several benchmarks share, judges, function calls, puzzles."""
