run 3s
start policy=steps
-> HOLD PENDING
-> START
halt
-> HALT
router g2 routed=10 reported=7 open=3
run 1s
router g2 silent=yes
closed 3700s
status HALTED
router g2 silent=no incarnation=2 routed=10 reported=7 open=3
run 1s
router g2 silent=yes
run 10s
-> ROLL_BACK vanished: 6 of 20
