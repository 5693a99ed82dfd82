"""Where questions come from: rows of data sets, people's own files, and what distinguishes one set from
another."""
