# A person may go on before the minima, not past a router, another person or the judge.
run 3s
start policy=aggressive approvals.phases=Ramp_Up
-> HOLD PENDING
-> START
increase as bob
-> HOLD refused: waiting for approval of Ramp Up
approve as bob
-> HOLD Ramp Up is approved
router g1 breaker=OPEN
increase
-> HOLD refused: breaker open at g1
router g1 breaker=CLOSED
increase
-> INCREASE
promote
-> HOLD refused: the judge has not yet found
run 4s
promote
-> PROMOTE
