run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 30s
rearm
-> REISSUE rearm by ana
run 33s
-> INCREASE
