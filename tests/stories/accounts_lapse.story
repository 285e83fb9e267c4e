# Routers by account that lapsed wait for a new revision: one for each lapse.
router g1 unit=account
run 3s accounts=40
start policy=aggressive unit=account
-> HOLD PENDING
-> START
run 5s accounts=40
router g1 lease=LAPSED lapses=1
run 3s accounts=40
run 1s accounts=40
-> REISSUE routers are back after a lapse
run 10s accounts=40
router g1 revision=2
run 10s accounts=40
router g1 lease=VALID
run 10s accounts=40
router g1 lease=LAPSED lapses=2
run 5s accounts=40
-> REISSUE routers are back after a lapse
router g1 revision=3 lease=VALID
run 5s accounts=40
status ACTIVE
