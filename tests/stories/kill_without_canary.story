# The kill switch is obeyed without a canary too, and says so.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
abort
-> ROLL_BACK abort by ana
kill
-> KILL there is no canary to act on
unkill *
unkill
-> UNKILL there is no canary to act on
kill *
-> KILL there is no canary to act on
start policy=aggressive rollout=r2
-> HOLD r2 is PENDING
-> HOLD the kill switch is on
