# The budget of the spec is a loss budget: the stricter of it and the policy's acts.
run 3s
start policy=aggressive budget=300 guards.loss_budget=100000 owner=desk
-> HOLD r1 is PENDING
-> START
run 12s canary.pnl=-40
-> ROLL_BACK used the loss budget (limit 300.00)
