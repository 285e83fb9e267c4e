# Promotion needs every non-inferiority test and the minimum sample; the phases alone are not enough.
run 60s
start policy=aggressive judge=sequential watch_s=20
-> HOLD PENDING
-> START Quick Test
run 62s
-> INCREASE phase Quick Test passed
run 120s
-> PROMOTE phase Ramp Up passed
run 30s
-> FINISH watched for 20 s
status PROMOTED
