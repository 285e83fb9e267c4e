# A healthy canary climbs the ramp, is watched at 100 % and becomes the baseline.
run 3s
start policy=aggressive watch_s=30
-> HOLD r1 is PENDING
-> START phase 1/3 Quick Test, 5 %
run 61s
-> INCREASE phase Quick Test passed
run 122s
-> PROMOTE phase 3/3 Full, 100 %
status WATCHING
run 31s
-> FINISH watched for 30 s
status PROMOTED
