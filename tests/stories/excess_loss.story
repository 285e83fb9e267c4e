# Both earn, the canary less: no loss, and no budget used, and yet 20 a second behind stable.
run 3s
start policy=aggressive guards.excess_loss=100 guards.loss_budget=1
-> HOLD PENDING
-> START
run 4s canary.pnl=0
status ACTIVE
run 1s canary.pnl=0
-> ROLL_BACK canary earned 100.00 less than stable would have (limit 100.00)
run 20s
