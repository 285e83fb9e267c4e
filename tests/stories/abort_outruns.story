# Commands of one look: an abort ends what was to begin, and outruns what was to rise.
run 3s
start+abort policy=aggressive
-> HOLD r1 is PENDING
-> ROLL_BACK abort by ana
start policy=aggressive rollout=r2
-> HOLD r2 is PENDING
-> START
run 15s
promote+increase+abort
-> ROLL_BACK abort by ana
-> HOLD refused: there is no canary
-> HOLD refused: there is no canary
abort+start policy=aggressive rollout=r3
-> HOLD refused: there is no canary
-> HOLD r3 is PENDING
-> START
