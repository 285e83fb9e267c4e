# START with an id that is known: the same spec is answered with how it stands, another is refused.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
start policy=aggressive
-> HOLD r1 was started before and is ACTIVE
start policy=steps
-> HOLD refused: r1 was started before with another spec
run 5s
status ACTIVE
abort
-> ROLL_BACK abort by ana
start policy=aggressive
-> HOLD r1 was started before and is ROLLED_BACK
start policy=aggressive rollout=r2
-> HOLD r2 is PENDING
-> START
start policy=aggressive
-> HOLD r1 was started before and is ROLLED_BACK
start policy=steps
-> HOLD refused: r1 was started before with another spec
status ACTIVE
