"""Where questions come from: rows of data sets, own files, what tells one set from another."""
