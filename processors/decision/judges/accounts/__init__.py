"""The judge of strategies routed by account: the account is the unit of analysis too.

Pure. In the order of the data: `scores` (one number an account), `permutation` (what relabelling
the accounts does to the difference), `looks` (when to look, and at which level), `engine` (one
look), `settings` (its rules). What the decider sees of it: `rules` (settings from a policy and the
frozen reference), `state`, `fold` (a cohort taken in, and a look when due), `words`, `judge` (the
row of the table).
"""
