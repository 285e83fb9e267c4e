# At 100 % a breaker sends all orders to stable: that is no watch, and the canary no baseline yet.
run 3s
start policy=aggressive watch_s=30
-> HOLD PENDING
-> START
run 61s
-> INCREASE
run 122s
-> PROMOTE
run 2s
router g1 breaker=OPEN
run 600s fallback=yes
-> HOLD breaker open at g1
status WATCHING
router g1 breaker=CLOSED
run 5s fallback=yes
status WATCHING
run 12s
-> RESUME attest
status WATCHING
run 40s
-> FINISH
