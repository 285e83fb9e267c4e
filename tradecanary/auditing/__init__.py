"""The audit of a whole log: chain, recomputed decisions, routing; and the report over a period."""
