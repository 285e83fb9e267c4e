# Orders that flow while the clock stands do not count for the throughput.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
halt
-> HALT
run 100s
resume
-> RESUME
run 65s rate=40/s
-> HOLD throughput 4
