# At 100 % the clock of the watch goes by the canary's orders: without them nothing is watched.
run 3s
start policy=aggressive watch_s=30
-> HOLD PENDING
-> START
run 61s
-> INCREASE
run 122s
-> PROMOTE
run 600s fallback=yes
status WATCHING
run 40s
-> FINISH
