# By account, the judge looks when the phase's orders have doubled; each measure must have passed.
router g1 unit=account
run 40s accounts=100 spread=1bp
start policy=aggressive judge=sequential unit=account watch_s=20 judge.promotion_orders=1000 judge.margins.fill_rate_pp=4
-> HOLD PENDING
-> START Quick Test, 5 %; a small reference of 4,000 orders: pnl is not judged
run 63s accounts=100 spread=1bp
-> INCREASE phase Quick Test passed
run 120s accounts=100 spread=1bp
-> PROMOTE phase Ramp Up passed
run 30s accounts=100 spread=1bp
-> FINISH watched for 20 s
status PROMOTED
