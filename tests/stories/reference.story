# Without enough of stable's last orders a rollout stays PENDING and says how many are missing.
run 3s
start policy=aggressive judge=sequential
-> HOLD PENDING
-> HOLD reference: 400 of 1000 orders of momentum-1.0.0-aaaaaaaa are missing
run 1s
status PENDING
run 1s
-> START Quick Test, 5 %; a small reference of 1,000 orders: tails of latency are not judged; tails of slippage are not judged; pnl is not judged
status ACTIVE
