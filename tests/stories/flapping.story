# A hold that comes and goes within ten seconds is one; its end is told once, and a new one again.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 10s
quiet 8s
-> HOLD data are 6.0 s old (limit 5 s)
run 5s
quiet 8s
run 5s
quiet 8s
run 12s
-> RESUME nothing has held for 10 s; before: stale
run 30s
-> INCREASE
quiet 8s
-> HOLD data are 6.0 s old (limit 5 s)
halt
-> HALT
-> HOLD data are
run 20s
resume
-> RESUME resume by ana
status ACTIVE
