# 10 orders a second go to the canary: 50 are allowed, and the next one is too many.
run 3s
start policy=aggressive guards.max_orders=50
-> HOLD PENDING
-> START
run 5s
status ACTIVE
run 1s
-> ROLL_BACK canary was given 60 orders (limit 50)
