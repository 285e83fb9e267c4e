"""`make bench-decisions`: how often judges roll back healthy canaries, and how soon faulty ones."""
