# One publisher's clock that is behind, of whatever strategy, makes the judge late: nothing rises.
run 20s behind=600
start policy=aggressive
-> HOLD PENDING
-> HOLD the newest event of slow-clock on partition 0 is that old; look at its clock
run 60s behind=600
run 12s
-> START
run 30s
run 30s behind=600
-> HOLD orders are judged
run 600s behind=600
run 13s
-> INCREASE
