# What holds while watching is told each time, and delays the end.
run 3s
start policy=aggressive watch_s=30 criteria=hold
-> HOLD PENDING
-> START
run 61s
-> INCREASE
run 122s
-> PROMOTE
quiet 10s
-> HOLD data are
run 12s
-> RESUME
quiet 10s
-> HOLD data are
run 60s canary.reject=5%
-> HOLD error rate
status WATCHING
run 400s
-> FINISH
