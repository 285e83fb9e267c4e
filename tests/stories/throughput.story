# Too little flow holds, whatever the judge.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 70s rate=40/s
-> HOLD throughput
run 40s rate=200/s
-> INCREASE
