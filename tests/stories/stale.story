# Old data hold, very old data roll back; what comes back in time goes on.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 10s
quiet 10s
-> HOLD data are
run 12s
-> RESUME nothing has held for 10 s; before: stale
quiet 65s
-> HOLD data are
-> ROLL_BACK data are 61.0 s old (limit 60 s)
