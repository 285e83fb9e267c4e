# The judge takes a canary back as soon as the evidence is there: by mature orders, without minima.
run 60s
start policy=aggressive judge=sequential
-> HOLD PENDING
-> START Quick Test
run 40s canary.fill=60%
-> ROLL_BACK fill rate 60.00 % is 34.91 pp below stable's 94.91 % (95 % interval -64.80 to -5.03, tolerance 0.1); e-value 3,043 after 30 canary orders (limit 100)
status ROLLED_BACK
