router g1 unit=account
run 3s accounts=400
start policy=aggressive unit=account
-> HOLD PENDING
-> START
run 8s accounts=440 canary.rate=0.0001
-> ROLL_BACK silent: 0 canary accounts while 22 were expected
