# Flow of a publisher without sequence numbers holds the judge: nobody sees what it loses.
run 60s
start policy=aggressive judge=sequential
-> HOLD PENDING
-> START Quick Test
run 5s foreign=yes
-> HOLD 200 events of the phase came from publishers without sequence numbers
run 60s
status ACTIVE
