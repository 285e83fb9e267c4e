# Money guards act before the judge, from the first order.
run 3s
start policy=aggressive guards.loss_budget=100
-> HOLD PENDING
-> START Quick Test
run 5s canary.pnl=-5
-> ROLL_BACK loss budget
