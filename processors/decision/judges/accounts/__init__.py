"""The engine for strategies routed by account: the account is the unit of analysis too.

Pure, and the only judge that needs numpy. In the order of the data: `totals` (exact sums an
account), `scores` (one number an account), `permutation` (what relabelling the accounts does to the
difference), `looks` (when to look, and at which level), `engine` (one look). `settings`: the rules.
"""
