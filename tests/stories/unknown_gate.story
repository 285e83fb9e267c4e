# A policy that cannot be used is refused with field, value and what is allowed.
run 3s
start policy=aggressive approvals.phases=Moon
-> HOLD approvals.phases was ['Moon']; allowed: Ramp Up
