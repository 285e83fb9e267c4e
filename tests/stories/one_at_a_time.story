# One rollout at a time, each id once, and stable must be the baseline.
run 3s
start policy=aggressive watch_s=5
-> HOLD PENDING
-> START
start policy=aggressive rollout=r2
-> HOLD refused: r1 is ACTIVE
start policy=aggressive
-> HOLD refused: r1 was started before
abort
-> ROLL_BACK abort by ana
start policy=aggressive
-> HOLD refused: r1 was started before
start policy=aggressive rollout=r3 watch_s=5
-> HOLD r3 is PENDING
-> START
run 61s
-> INCREASE
promote
-> PROMOTE promote by ana
run 6s
-> FINISH
start policy=aggressive rollout=r4
-> HOLD refused: stable was momentum-1.0.0-aaaaaaaa, but the baseline is momentum-2.0.0-bbbbbbbb
