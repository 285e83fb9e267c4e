# A router by account says LAPSED for a moment when it starts: no new revision for that.
router g1 unit=account
run 3s accounts=40
start policy=aggressive unit=account
-> HOLD PENDING
-> START
run 5s accounts=40
router g2 unit=account lease=LAPSED
run 2s accounts=40
router g2 lease=VALID
run 10s accounts=40
