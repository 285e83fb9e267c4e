# Nothing starts or rises before every router has the version loaded.
run 3s
router g2 versions=momentum-1
start policy=aggressive routers=2
-> HOLD PENDING
-> HOLD momentum-2.0.0-bbbbbbbb is not loaded at g2
run 5s
router g2 all=yes
run 1s
-> START
run 30s
router g2 breaker=OPEN
run 35s
-> HOLD breaker open at g2
router g2 breaker=CLOSED
run 1s
-> INCREASE
