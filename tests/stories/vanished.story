run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
router g1 routed=100 reported=80 open=14
run 1s
-> ROLL_BACK vanished: 6 of 100
