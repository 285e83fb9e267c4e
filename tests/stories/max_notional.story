# 10 orders of 10,000 a second go to the canary: half a million is allowed, and no more.
run 3s
start policy=aggressive guards.max_notional=500000
-> HOLD PENDING
-> START
run 5s
status ACTIVE
run 1s
-> ROLL_BACK canary was given 600,000.00 of notional (limit 500,000.00)
