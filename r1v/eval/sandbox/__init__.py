"""Running a model's program in a process that can use nothing but its own folder."""
