run 3s
start policy=aggressive guards.drawdown=200
-> HOLD PENDING
-> START Quick Test
run 5s canary.pnl=10
run 5s canary.pnl=-10
-> ROLL_BACK drawdown
