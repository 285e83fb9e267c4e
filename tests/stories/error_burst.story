# Nothing but errors, from two accounts, for one horizon.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 5s canary.reject=100%
-> ROLL_BACK error burst
