"""Running a model's program in a process that reaches nothing but its own folder."""
