# At 100 % there is no control: guards and absolute criteria still act.
run 3s
start policy=aggressive watch_s=600
-> HOLD PENDING
-> START
run 61s
-> INCREASE
run 122s
-> PROMOTE
run 30s canary.reject=5%
-> ROLL_BACK error rate
