# By account, accounts are counted: 5 % of 40 is too few to call the canary silent or the split wrong.
router g1 unit=account
run 3s accounts=40
start policy=aggressive unit=account
-> HOLD PENDING
-> START
run 10s accounts=40 canary.rate=0.0001
run 52s accounts=60
-> INCREASE
