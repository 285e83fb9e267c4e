# No start while a breaker is open, and horizons stay as they were at the start.
run 3s
router g1 breaker=OPEN
start policy=aggressive
-> HOLD PENDING
-> HOLD breaker open at g1
router g1 breaker=CLOSED
run 1s
-> START
run 30s
router g1 horizon=7
run 35s
-> HOLD routers now say [(7000000, 0)] us
router g1 horizon=2
run 1s
-> INCREASE
